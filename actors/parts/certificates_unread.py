"""How to import aiohttp in two thirds of the time and five sixths of the memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def certificates_unread() -> Iterator[None]:
    """Import aiohttp in here. When it is imported it reads all authorities that this machine trusts (40 ms, 1.6 MiB),
    for connections that are told nothing else; here each is told its world's own authority.

    OpenSSL's variables say where they are (SSL_CTX_set_default_verify_paths(3)); they are put back."""
    before = {name: os.environ.get(name) for name in _NAMES}
    os.environ.update(dict.fromkeys(_NAMES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
