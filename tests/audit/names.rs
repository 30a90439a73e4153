//! Text of strangers that is to do harm.

/// Names that somebody gave their machines, to see what happens.
pub const NAMES: [&str; 12] = [
    "</script><script>alert(1)</script>",
    "=HYPERLINK(\"http://evil.example\",\"click\")",
    "+1+1",
    "@SUM(A1:A9)",
    "a|b|c",
    "@team",
    "`rm -rf /`",
    "[click](http://evil.example) {0}",
    "\u{1b}[2J\u{1b}]0;owned\u{7}red\u{9b}31m",
    "line\u{2028}separator\u{2029}\r\nnext,\"quoted\"",
    "exe\u{202e}gpj.\u{feff}\u{200b}txt",
    "生产环境数据库主库华东一号备份",
];

/// What no reader can see, or what moves what is beside it.
pub fn is_harmful(one: char) -> bool {
    (one.is_control() && one != '\n' && one != '\r')
        || matches!(one, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{feff}' | '\u{200b}')
}
