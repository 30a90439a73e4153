"""A connection to a server that closes those that have been idle, as kube-apiserver does after a minute and a half."""

from __future__ import annotations

import http.client
import json
import select

from stage import Failed

# What can be asked twice and comes to the same.
REPEATABLE = {"GET", "DELETE"}


class Connection:
    """Asks in JSON, one request after the other, and connects anew where that is safe.

    That is always so before anything has been sent. After that only what is repeatable is asked again, and once: whether a lost write was carried out,
    nobody here knows.
    """

    def __init__(self, connection: http.client.HTTPConnection, headers: dict[str, str]):
        """`connection` connects by itself when it is first used, and again once it is closed."""
        self._connection = connection
        self._headers = {**headers, "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body)
        if _hung_up(self._connection):
            self._connection.close()
        try:
            status, text = self._exchange(method, path, data)
        except _LOST as error:
            if method not in REPEATABLE:
                raise Failed(f"{method} {path}: the connection was lost ({_told(error)}), and whether it was carried out is not known.") from error
            try:
                status, text = self._exchange(method, path, data)
            except _LOST as again:
                raise Failed(f"{method} {path}: the connection was lost twice ({_told(again)}).") from again
        return _understood(method, path, status, text)

    def _exchange(self, method: str, path: str, data: str | None) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, data, self._headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except _LOST:
            # What is half said can't be gone on with.
            self._connection.close()
            raise


_LOST = (OSError, http.client.HTTPException)


def _hung_up(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side has closed it: between two requests there is nothing to be read but that."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def _understood(method: str, path: str, status: int, text: bytes):
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"message": text.decode(errors="replace").strip()}
        status = max(status, 300)
    if status >= 300:
        raise Failed(f"{method} {path}: {answer.get('message') or status}")
    return answer


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
