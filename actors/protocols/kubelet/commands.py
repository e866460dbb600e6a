"""The few programs that containers have: what a command line means, and a shell that knows `;`, `&&` and `||`.

A container's command that is none of them cannot be started, as with a real runtime that does not find the file; in a
shell it is "not found". Sans-IO: this says what to do, `parts/pod` does it.
"""

import re
from typing import NamedTuple

START_ERROR = 128
"""Exit code of a container whose program could not be started."""
NOT_FOUND = 127
SYNTAX_ERROR = 2
FOREVER = 1 << 31
"""Seconds of `sleep infinity`."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SHELLS = ("sh", "/bin/sh", "bash", "/bin/bash", "ash", "/bin/ash")
_ENTRYPOINTS = ("/docker-entrypoint.sh",)
_SPECIAL = set("|&<>()`")


class Sleep(NamedTuple):
    """Wait."""

    seconds: float


class Exit(NamedTuple):
    """End with this code, having said something on stderr."""

    code: int
    error: str = ""


class Echo(NamedTuple):
    """Say a line."""

    text: str


class Nginx(NamedTuple):
    """Serve, until a signal comes; in the background with `daemonizes`."""

    daemonizes: bool


class SignalNginx(NamedTuple):
    """Send the running nginx a signal: `quit` or `stop`."""

    signal: str


class Script(NamedTuple):
    """What a shell is to do; `after` is what stood before each command: "" or `;`, `&&`, `||`."""

    steps: tuple["Step", ...]


class Step(NamedTuple):
    """One command of a script."""

    after: str
    argv: tuple[str, ...]


Command = Sleep | Exit | Echo | Nginx | SignalNginx | Script


class CommandNotFound(Exception):
    """There is no such program in the image."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def start_error(name: str) -> str:
    """What containerd says when a container's program is not there."""
    return f"failed to create containerd task: failed to create shim task: {_runc('create', 'runc create', name)}"


def exec_error(name: str) -> str:
    """What the runtime says of an exec of a program that is not there."""
    return _runc("exec", "exec", name)


def _runc(verb: str, what_failed: str, name: str) -> str:
    what = (
        "executable file not found in $PATH" if "/" not in name else f"stat {name}: no such file or directory"
    )
    process = f'unable to start container process: exec: "{name}": {what}'
    return f"OCI runtime {verb} failed: {what_failed} failed: {process}: unknown"


def parse(argv: tuple[str, ...], environment: dict[str, str], *, has_nginx: bool) -> Command:
    """What a command line means. Raises `CommandNotFound`."""
    name, arguments = argv[0], list(argv[1:])
    if name in _ENTRYPOINTS and has_nginx:  # it ends with `exec "$@"`
        return parse(tuple(arguments), environment, has_nginx=True) if arguments else Exit(0)
    base = name.rsplit("/", 1)[-1] if name.startswith(("/bin/", "/usr/bin/", "/usr/sbin/")) else name
    match base:
        case "true" | ":":
            return Exit(0)
        case "false":
            return Exit(1)
        case "sleep":
            return _sleep(arguments)
        case "echo":
            return Echo(" ".join(arguments))
        case "nginx" if has_nginx:
            return _nginx(arguments)
        case _ if name in _SHELLS:
            return _shell(base, arguments, environment)
    raise CommandNotFound(name)


def parse_step(argv: tuple[str, ...], environment: dict[str, str], *, has_nginx: bool) -> Command:
    """A command inside a shell, which has `exit` and `exec` besides, and says itself what it does not find."""
    if argv[0] == "exit":
        return _exit(argv[1:])
    if argv[0] == "exec" and len(argv) > 1:
        return parse_step(argv[1:], environment, has_nginx=has_nginx)
    try:
        return parse(argv, environment, has_nginx=has_nginx)
    except CommandNotFound as error:
        return Exit(NOT_FOUND, f"sh: 1: {error.name}: not found")


def _sleep(arguments: list[str]) -> Command:
    if not arguments:
        return Exit(1, "sleep: missing operand")
    total = 0.0
    for text in arguments:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
        if match is None and text not in ("infinity", "inf"):
            return Exit(1, f"sleep: invalid time interval '{text}'")
        total += FOREVER if match is None else float(match[1]) * _UNITS[match[2] or "s"]
    return Sleep(min(total, FOREVER))


def _exit(arguments: tuple[str, ...]) -> Command:
    if not arguments:
        return Exit(0)
    if not arguments[0].isdigit():
        return Exit(SYNTAX_ERROR, f"sh: 1: exit: Illegal number: {arguments[0]}")
    return Exit(int(arguments[0]) & 0xFF)


def _nginx(arguments: list[str]) -> Command:
    match arguments:
        case []:
            return Nginx(daemonizes=True)
        case ["-g", directives] if directives.replace(";", " ;").split() == ["daemon", "off", ";"]:
            return Nginx(daemonizes=False)
        case ["-g", directives]:
            return Exit(
                1, f'nginx: [emerg] this nginx knows "daemon off;" only, not "{directives}" in command line'
            )
        case ["-s", ("quit" | "stop") as signal]:
            return SignalNginx(signal)
        case ["-s", signal]:
            return Exit(1, f'nginx: invalid option: "-s {signal}"')
        case ["-v"]:
            return Exit(0, "nginx version: nginx/1.27.3")
    return Exit(1, f'nginx: invalid option: "{arguments[0]}"')


def _shell(name: str, arguments: list[str], environment: dict[str, str]) -> Command:
    flags = {"-c": "", "-ec": "", "-ce": ""}
    if not arguments:
        return Exit(0)  # its standard input is empty
    if arguments[0] not in flags:
        return Exit(SYNTAX_ERROR, f"{name}: 0: cannot open {arguments[0]}: No such file")
    if len(arguments) < 2:
        return Exit(SYNTAX_ERROR, f"{name}: 0: -c requires an argument")
    try:
        return Script(parse_script(arguments[1], environment))
    except ValueError as error:
        return Exit(SYNTAX_ERROR, f"{name}: 1: {error}")


def parse_script(text: str, environment: dict[str, str]) -> tuple[Step, ...]:
    """A script's commands in order. Raises ValueError for what this shell does not know."""
    steps: list[Step] = []
    after, words = "", list[str]()
    for token in _tokens(text, environment):
        if isinstance(token, _Operator):
            if words:
                steps.append(Step(after, tuple(words)))
                after, words = token, []
            elif token != "\n":
                raise ValueError(f'Syntax error: "{token}" unexpected')
        else:
            words.append(token)
    if words:
        steps.append(Step(after, tuple(words)))
    elif after in ("&&", "||"):
        raise ValueError("Syntax error: end of file unexpected")
    return tuple(Step(";" if step.after == "\n" else step.after, step.argv) for step in steps)


class _Operator(str):
    """`;`, `&&`, `||` or the end of a line."""


def _tokens(text: str, environment: dict[str, str]) -> list[str]:
    tokens: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        char = text[at]
        operator = next((each for each in ("&&", "||", ";", "\n") if text.startswith(each, at)), None)
        if operator is not None or char in " \t":
            if word is not None:
                tokens.append(word)
                word = None
            if operator is not None:
                tokens.append(_Operator(operator))
            at += len(operator or char)
        elif char == "#" and word is None:
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif char in _SPECIAL:
            raise ValueError(f"this shell has no {char!r}; it knows ;, && and ||")
        else:
            piece, at = _piece(text, at, environment)
            word = (word or "") + piece
    return tokens if word is None else [*tokens, word]


def _piece(text: str, at: int, environment: dict[str, str]) -> tuple[str, int]:
    """The next quoted part, variable or character of a word, and where the text goes on."""
    char = text[at]
    if char == "'":
        end = text.find("'", at + 1)
        if end < 0:
            raise ValueError("Syntax error: Unterminated quoted string")
        return text[at + 1 : end], end + 1
    if char == '"':
        return _double_quoted(text, at + 1, environment)
    if char == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    if char == "$":
        return _variable(text, at, environment)
    return char, at + 1


def _double_quoted(text: str, at: int, environment: dict[str, str]) -> tuple[str, int]:
    value = ""
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", '"', "$"):
            value, at = value + text[at + 1], at + 2
        elif text[at] == "$":
            piece, at = _variable(text, at, environment)
            value += piece
        else:
            value, at = value + text[at], at + 1
    if at >= len(text):
        raise ValueError("Syntax error: Unterminated quoted string")
    return value, at + 1


def _variable(text: str, at: int, environment: dict[str, str]) -> tuple[str, int]:
    match = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))").match(text, at)
    if match is not None:
        return environment.get(match[1] or match[2], ""), match.end()
    if text[at + 1 : at + 2] in ("(", "{", "?", "$", "!", "@", "*", "#") or text[at + 1 : at + 2].isdigit():
        raise ValueError(f"this shell has no {text[at : at + 2]!r}")
    return "$", at + 1
