"""Tokens as a cluster issues them."""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """An issuer of OIDC tokens, as a cluster is one."""

    def __init__(self, algorithm="ES256", url="https://issuer.example"):
        self.algorithm, self.url = algorithm, url
        if algorithm == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
        else:
            self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwks(self):
        numbers = self.key.public_key().public_numbers()
        text = lambda number, size: base64url(number.to_bytes(size, "big"))
        if self.algorithm == "ES256":
            key = {"kty": "EC", "crv": "P-256", "x": text(numbers.x, 32), "y": text(numbers.y, 32)}
        else:
            key = {"kty": "RSA", "n": text(numbers.n, 256), "e": text(numbers.e, 3)}
        return {"keys": [{**key, "kid": "k", "alg": self.algorithm, "use": "sig"}]}

    def token(self, subject="system:serviceaccount:keeper:keeper", seconds=600, **claims):
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": subject,
            "aud": ["sts.aliyuncs.com"],
            "iat": min(now, now + seconds),
            "exp": now + seconds,
            **claims,
        }
        parts = [{"alg": self.algorithm, "kid": "k"}, claims]
        message = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        if self.algorithm == "ES256":
            r, s = utils.decode_dss_signature(self.key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            signature = self.key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{message}.{base64url(signature)}"
