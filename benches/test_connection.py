"""The bench gets on with a server that closes its connections, and sends no write twice."""

import http.client
import json
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demo"))

from stage import Failed
from connection import Connection


class Server(ThreadingHTTPServer):
    """Answers each request with its number. It hangs up where it is told to, and tells when it has."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.connections = 0
        # The numbers of the requests after whose answer, amid whose answer, or instead of whose answer it hangs up.
        self.after, self.amid, self.instead = set(), set(), set()
        self.garbled = set()
        self.closed = threading.Semaphore(0)

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.closed.release()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = len(self.server.seen)
        self.server.seen.append(self.command)
        self.close_connection = number in self.server.after | self.server.amid | self.server.instead
        if number in self.server.instead:
            return
        text = b"Too many requests." if number in self.server.garbled else json.dumps({"number": number}).encode()
        # Without the header that would announce the end.
        self.send_response(429 if number in self.server.garbled else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[:1] if number in self.server.amid else text)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class AConnection(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        client = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=60)
        self.addCleanup(client.close)
        self.connection = Connection(client, {})

    def test_is_kept_while_nobody_closes_it(self):
        for number in range(3):
            self.assertEqual(self.connection.ask("POST", "/", {}), {"number": number})
        self.assertEqual(self.server.connections, 1)

    def test_is_made_anew_when_the_server_has_closed_an_idle_one(self):
        for method in ("GET", "POST", "DELETE"):
            with self.subTest(method):
                self.server.after = {len(self.server.seen)}
                self.connection.ask("GET", "/")
                self.assertTrue(self.server.closed.acquire(timeout=60))
                before, number = self.server.connections, len(self.server.seen)
                self.assertEqual(self.connection.ask(method, "/"), {"number": number})
                self.assertEqual(self.server.connections, before + 1)

    def test_asks_once_more_for_what_can_be_repeated(self):
        for method in ("GET", "DELETE"):
            with self.subTest(method):
                lost = len(self.server.seen)
                self.server.instead = {lost}
                self.assertEqual(self.connection.ask(method, "/"), {"number": lost + 1})

    def test_asks_once_more_when_an_answer_breaks_off(self):
        self.server.amid = {0}
        self.assertEqual(self.connection.ask("GET", "/"), {"number": 1})

    def test_gives_up_what_is_lost_twice(self):
        self.server.instead = {0, 1}
        with self.assertRaisesRegex(Failed, "GET /: the connection was lost twice"):
            self.connection.ask("GET", "/")
        self.assertEqual(self.server.seen, ["GET", "GET"])

    def test_never_sends_a_write_twice(self):
        self.server.instead = {1}
        self.connection.ask("POST", "/", {})
        with self.assertRaisesRegex(Failed, "POST /: the connection was lost .*whether it was carried out is not known"):
            self.connection.ask("POST", "/", {})
        self.assertEqual(self.server.seen, ["POST", "POST"])
        self.assertEqual(self.connection.ask("POST", "/", {}), {"number": 2}, "the next request has a connection again")

    def test_tells_what_a_server_says_that_does_not_speak_json(self):
        self.server.garbled = {0}
        with self.assertRaisesRegex(Failed, "GET /: Too many requests."):
            self.connection.ask("GET", "/")


if __name__ == "__main__":
    unittest.main()
