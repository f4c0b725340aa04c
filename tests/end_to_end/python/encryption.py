"""Payload encryption in the form of Temporal's public Python sample: AES-GCM around a whole payload.

The key is 32 bytes in base64, in ENCRYPTION_KEY; its name is in ENCRYPTION_KEY_ID. Messages and stack traces of failures
are encrypted too.
"""

import base64
import dataclasses
import os
from collections.abc import Sequence

import temporalio.converter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload

NONCE_BYTES = 12
ENCODING = b"binary/encrypted"


class EncryptionCodec(temporalio.converter.PayloadCodec):
    def __init__(self, key_id: str, key: bytes) -> None:
        self.key_id = key_id
        self.cipher = AESGCM(key)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        metadata = {"encoding": ENCODING, "encryption-key-id": self.key_id.encode()}
        return [Payload(metadata=metadata, data=self._encrypt(payload.SerializeToString())) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decode(payload) for payload in payloads]

    def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            # The sample would pass a plaintext payload through. This test must not accept one.
            raise ValueError(f"a payload is not encrypted: {dict(payload.metadata)}")
        key_id = payload.metadata.get("encryption-key-id", b"").decode()
        if key_id != self.key_id:
            raise ValueError(f"a payload names the key {key_id!r}, and only {self.key_id!r} is known")
        return Payload.FromString(self._decrypt(payload.data))

    def _encrypt(self, data: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, data, None)

    def _decrypt(self, data: bytes) -> bytes:
        return self.cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None)


def data_converter() -> temporalio.converter.DataConverter:
    codec = EncryptionCodec(os.environ["ENCRYPTION_KEY_ID"], base64.b64decode(os.environ["ENCRYPTION_KEY"]))
    return dataclasses.replace(
        temporalio.converter.default(),
        payload_codec=codec,
        failure_converter_class=temporalio.converter.DefaultFailureConverterWithEncodedAttributes,
    )
