"""The actions of a rule that come before the one that answers or forwards (`jwt-validation`, `authenticate-oidc`)."""

from collections.abc import Mapping
from typing import Any

from actors.protocols.authentication.jwt import Validation
from actors.protocols.authentication.oidc import Provider

Gate = Validation | Provider


def gate_of(shape: Mapping[str, Any]) -> Gate:
    """An Action of the ELBv2 API. Raises ValueError and KeyError."""
    match shape["Type"]:
        case "jwt-validation":
            return Validation.of(shape["JwtValidationConfig"])
        case "authenticate-oidc":
            return Provider.of(shape["AuthenticateOidcConfig"])
    raise ValueError(f"action {shape['Type']!r} is not carried out")
