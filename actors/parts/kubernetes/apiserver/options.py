"""How a write is to be done: what a request says beside the object."""

from typing import NamedTuple

from actors.parts.kubernetes.apiserver.requests import Object, Request
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.validation.errors import FieldError, invalid

FIELD_VALIDATIONS = ("Ignore", "Warn", "Strict")
LONGEST_MANAGER = 128


class Options(NamedTuple):
    """`manager` owns what is written; `named` says whether the request named it."""

    manager: str
    named: bool = True
    field_validation: str = "Warn"
    dry_run: bool = False
    force: bool | None = None

    @classmethod
    def of(cls, request: Request) -> "Options":
        """Raises `ApiError` 422 for values that are none."""
        named = request.query.get("fieldManager", "")
        agent = request.user_agent.split("/")[0][:LONGEST_MANAGER] or request.user.name
        validation = request.query.get("fieldValidation") or "Warn"
        kind = {"POST": "CreateOptions", "PUT": "UpdateOptions"}.get(request.method, "PatchOptions")
        if validation not in FIELD_VALIDATIONS:
            known = ", ".join(f'"{each}"' for each in FIELD_VALIDATIONS)
            words = f'Unsupported value: "{validation}": supported values: {known}'
            raise refused(kind, "fieldValidation", "FieldValueNotSupported", words)
        if len(named) > LONGEST_MANAGER or not named.isprintable():
            words = f"Too long: may not be more than {LONGEST_MANAGER} bytes"
            raise refused(kind, "fieldManager", "FieldValueTooLong", words)
        force = request.flag("force") if request.query.get("force") else None
        return cls(named or agent, bool(named), validation, request.dry_run, force)


class Written(NamedTuple):
    """What came of a write: the object as it is now, and what the writer should know."""

    object: Object
    warnings: tuple[str, ...] = ()
    created: bool = False


def refused(kind: str, field: str, reason: str, words: str) -> ApiError:
    """The 422 for options of a request: `PatchOptions.meta.k8s.io "" is invalid: ...`."""
    error = invalid(kind, "", [FieldError(field, reason, words)])
    details = {**(error.details or {}), "group": "meta.k8s.io"}
    message = error.message.replace(f"{kind} ", f"{kind}.meta.k8s.io ", 1)
    return ApiError(422, message, "Invalid", details)
