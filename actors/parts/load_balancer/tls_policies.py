"""AWS's security policies by name: which versions of TLS, and which cipher suites, in their order.

From "Security policies for your Application Load Balancer". Not here: `ELBSecurityPolicy-TLS-1-0-2015-04`, whose
triple DES no OpenSSL has any more. The post-quantum policies offer a client that knows no ML-KEM what their namesakes
without PQ do; OpenSSL 3.0 knows none either, so here all clients get that. TLS 1.3's suites are OpenSSL's own.
"""

from typing import NamedTuple

TLS13_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_ECDHE_128 = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256")
_ECDHE_256 = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384")
_ECDHE_128_CBC = ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256")
_ECDHE_256_CBC = ("ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384")
_ECDHE_128_SHA = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA")
_ECDHE_256_SHA = ("ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA")

GCM = (*_ECDHE_128, *_ECDHE_256)
SHA2 = (*_ECDHE_128, *_ECDHE_128_CBC, *_ECDHE_256, *_ECDHE_256_CBC)
FORWARD_SECRET = (
    *_ECDHE_128,
    *_ECDHE_128_CBC,
    *_ECDHE_128_SHA,
    *_ECDHE_256,
    *_ECDHE_256_CBC,
    *_ECDHE_256_SHA,
)
_RSA_SHA2 = ("AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256")
_RSA = (
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
)
WITH_RSA_SHA2 = (*SHA2, *_RSA_SHA2)
EVERYTHING = (*FORWARD_SECRET, *_RSA)


class Policy(NamedTuple):
    """Versions as AWS spells them (`TLSv1.2`), and the suites of TLS 1.2 and before by OpenSSL's names."""

    versions: tuple[str, ...]
    ciphers: tuple[str, ...]

    @property
    def suites(self) -> tuple[str, ...]:
        """All of them, TLS 1.3's first, as DescribeSSLPolicies lists them."""
        return (*(TLS13_SUITES if "TLSv1.3" in self.versions else ()), *self.ciphers)


def _from(first: str, last: str, ciphers: tuple[str, ...]) -> Policy:
    return Policy(_VERSIONS[_VERSIONS.index(first) : _VERSIONS.index(last) + 1], ciphers)


def _tls13() -> dict[str, Policy]:
    shapes = {
        "1-3": ("TLSv1.3", ()),
        "1-2": ("TLSv1.2", SHA2),
        "1-2-Res": ("TLSv1.2", GCM),
        "1-2-Ext1": ("TLSv1.2", WITH_RSA_SHA2),
        "1-2-Ext2": ("TLSv1.2", EVERYTHING),
        "1-1": ("TLSv1.1", EVERYTHING),
        "1-0": ("TLSv1", EVERYTHING),
    }
    fips = {**shapes, "1-2-Ext0": ("TLSv1.2", FORWARD_SECRET)}
    names = [(f"{name}-2021-06", shape) for name, shape in shapes.items()]
    names += [(f"{name}-PQ-2025-09", shape) for name, shape in shapes.items() if name != "1-1"]
    names += [(f"{name}-FIPS-2023-04", shape) for name, shape in fips.items()]
    names += [(f"{name}-FIPS-PQ-2025-09", shape) for name, shape in fips.items() if name != "1-1"]
    return {
        f"ELBSecurityPolicy-TLS13-{name}": _from(first, "TLSv1.3", ciphers)
        for name, (first, ciphers) in names
    }


POLICIES: dict[str, Policy] = {
    **_tls13(),
    "ELBSecurityPolicy-2016-08": _from("TLSv1", "TLSv1.2", EVERYTHING),
    "ELBSecurityPolicy-2015-05": _from("TLSv1", "TLSv1.2", EVERYTHING),
    "ELBSecurityPolicy-TLS-1-1-2017-01": _from("TLSv1.1", "TLSv1.2", EVERYTHING),
    "ELBSecurityPolicy-TLS-1-2-2017-01": _from("TLSv1.2", "TLSv1.2", WITH_RSA_SHA2),
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": _from("TLSv1.2", "TLSv1.2", EVERYTHING),
    "ELBSecurityPolicy-FS-2018-06": _from("TLSv1", "TLSv1.2", FORWARD_SECRET),
    "ELBSecurityPolicy-FS-1-1-2019-08": _from("TLSv1.1", "TLSv1.2", FORWARD_SECRET),
    "ELBSecurityPolicy-FS-1-2-2019-08": _from("TLSv1.2", "TLSv1.2", FORWARD_SECRET),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": _from("TLSv1.2", "TLSv1.2", SHA2),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": _from("TLSv1.2", "TLSv1.2", GCM),
}

DEFAULT = "ELBSecurityPolicy-2016-08"
"""Of listeners that are made by the API without a policy; the console's default is another."""


def for_targets(policies: list[str]) -> str:
    """The policy towards HTTPS targets, derived from those of the load balancer's listeners (ALB troubleshooting)."""
    for mark, policy in (
        ("FIPS-PQ", "ELBSecurityPolicy-TLS13-1-0-FIPS-PQ-2025-09"),
        ("FIPS", "ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04"),
        ("PQ", "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09"),
        ("TLS13", "ELBSecurityPolicy-TLS13-1-0-2021-06"),
    ):
        if any(mark in each for each in policies):
            return policy
    return DEFAULT
