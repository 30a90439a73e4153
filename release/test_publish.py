"""Which registry is spoken to without TLS."""

import unittest

from publish import on_loopback


class Loopback(unittest.TestCase):
    def test_only_a_registry_on_this_machine_is_without_tls(self):
        for registry in ("127.0.0.1:5000", "localhost", "localhost:80/team", "127.3.2.1", "[::1]:5000"):
            self.assertTrue(on_loopback(registry), registry)
        for registry in ("registry.example.com", "localhost.example.com:5000", "127.0.0.1.example.com", "10.0.0.1:5000"):
            self.assertFalse(on_loopback(registry), registry)


if __name__ == "__main__":
    unittest.main()
