"""AWS STS: who am I."""

import base64
import hashlib
from collections.abc import Mapping

from actors.parts.aws_api.plane import CALLER, Handler, Output, Parameters, Plane


class Sts:
    """Knows every caller: a program by its access key, an element of the world by its role."""

    name = "sts"

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.operations: Mapping[str, Handler] = {"GetCallerIdentity": self._get_caller_identity}

    def start(self) -> None:
        """Nothing is kept."""

    def _get_caller_identity(self, parameters: Parameters) -> Output:
        caller = CALLER.get()
        kind, _, name = caller.partition("/")
        if kind == "user":
            identity, resource, service = unique_id("AIDA", name), caller, "iam"
        else:
            identity, service = f"{unique_id('AROA', caller)}:{caller}", "sts"
            resource = f"assumed-role/{caller}/{caller}"
        return {
            "UserId": identity,
            "Account": self._plane.account,
            "Arn": self._plane.arn(service, resource, region=""),
        }


def unique_id(prefix: str, name: str) -> str:
    """An identifier as IAM makes them: a prefix that tells the kind, and 17 letters and digits."""
    return prefix + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:17]
