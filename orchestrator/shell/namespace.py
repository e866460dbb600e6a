"""The inside of a shell: new user, mount and network namespaces, made without privileges (user_namespaces(7)).

How this works. One process calls `unshare`, maps the user to root of the new namespace (the only one that may be mapped
without `newuidmap`), makes a TUN device there, hands its file descriptor out over a socket, and gives it the address
that the laptop has for this guest. Files of this machine that would lead programs to its own name servers, or have them
trust its own CAs, are covered by others, in this mount namespace alone. When the last process in it has ended, the
kernel takes it all away.
"""

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
from pathlib import Path
from typing import Any, NamedTuple

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MS_RDONLY, MS_NOSUID, MS_NODEV = 4096, 16384, 1 << 18, 1, 2, 4
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
SIOCADDRT = 0x890B
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
SIOCSIFMTU = 0x8922
IFF_UP, RTF_UP, RTF_GATEWAY = 0x1, 0x1, 0x2
PR_SET_PDEATHSIG = 1
TUN = "/dev/net/tun"
DEVICE = b"wlan0"

NO_NAME_SERVICE = ("/run/nscd", "/run/systemd/resolve", "/var/run/nscd")
"""Where daemons of this machine listen that would resolve names for programs in the shell, in the wrong Internet."""

CA_VARIABLES = (
    "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
)  # fmt: skip
"""By which OpenSSL, curl, requests, node, git and the aws CLI find the CA."""

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where everything else looks: Debian's, Fedora's, SUSE's and Alpine's file."""


class Forbidden(Exception):
    """The kernel, or whoever set it up, does not let a shell be made; says why, in one sentence."""


class Guest(NamedTuple):
    """What a guest is given: its address in the laptop's network, and whom it asks for names."""

    address: str
    prefix_length: int
    router: str
    dns_servers: tuple[str, ...]
    mtu: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Guest":
        servers = tuple(told["dns_servers"])
        return cls(told["address"], told["prefix_length"], told["router"], servers, told["mtu"])


def enter(guest: Guest, directory: Path, ca: Path | None = None) -> int:
    """Leave this machine's network for one of our own; the descriptor of its TUN device. Raises `Forbidden`.

    `directory` is one of the caller's, for the files that cover others; `ca` the file of the CA that is trusted there.
    For a process that will be nothing else."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET):
        raise Forbidden(_why_no_namespace(ctypes.get_errno()))
    try:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
    except OSError as error:
        raise Forbidden(f"the user cannot be mapped into a user namespace: {error.strerror}") from None
    tun = _open_tun()
    _configure(guest)
    _cover(libc, guest, directory)
    if ca is not None:
        _trust(libc, ca)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGHUP)  # only now: whoever gains capabilities loses it
    return tun


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _why_no_namespace(number: int) -> str:
    why = {
        errno.EPERM: "the kernel does not let this user make user and network namespaces (look at the sysctls "
        "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, or a container's seccomp "
        "profile)",
        errno.ENOSPC: "no more user namespaces are allowed (sysctl user.max_user_namespaces)",
        errno.EINVAL: "this kernel has no user namespaces (CONFIG_USER_NS)",
        errno.ENOSYS: "this kernel has no namespaces",
    }
    return why.get(number, f"namespaces cannot be made: {os.strerror(number)}")


def _open_tun() -> int:
    try:
        tun = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise Forbidden(f"{TUN} cannot be opened: {error.strerror} (modprobe tun; chmod 666)") from None
    try:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE, IFF_TUN | IFF_NO_PI))
    except OSError as error:
        raise Forbidden(f"a TUN device cannot be made: {error.strerror}") from None
    os.set_blocking(tun, False)
    return tun


def _configure(guest: Guest) -> None:
    """`ip address add`, `ip link set up`, `ip route add default`, without `ip`."""
    mask = socket.inet_ntoa((0xFFFFFFFF << (32 - guest.prefix_length) & 0xFFFFFFFF).to_bytes(4))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _up(control, b"lo")
        fcntl.ioctl(control, SIOCSIFADDR, _address_request(guest.address))
        fcntl.ioctl(control, SIOCSIFNETMASK, _address_request(mask))
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si20x", DEVICE, guest.mtu))
        _up(control, DEVICE)
        anywhere = _sockaddr("0.0.0.0")
        fcntl.ioctl(
            control,
            SIOCADDRT,
            struct.pack("L", 0) + anywhere + _sockaddr(guest.router) + anywhere
            + struct.pack("HhLPhPLLH6x", RTF_UP | RTF_GATEWAY, 0, 0, 0, 0, 0, 0, 0, 0),
        )  # fmt: skip


def _up(control: socket.socket, device: bytes) -> None:
    flags = struct.unpack("16sH22x", fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH22x", device, 0)))[1]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", device, flags | IFF_UP))


def _sockaddr(address: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _address_request(address: str) -> bytes:
    return struct.pack("16s", DEVICE) + _sockaddr(address) + bytes(8)


# ---- files ---------------------------------------------------------------------------------------------------


def _cover(libc: ctypes.CDLL, guest: Guest, directory: Path) -> None:
    """Have programs ask the emulated name servers, by DNS and by nothing else."""
    _mount(libc, None, "/", MS_REC | MS_PRIVATE)
    (directory / "resolv.conf").write_text(
        "".join(f"nameserver {server}\n" for server in guest.dns_servers) + "options timeout:5 attempts:2\n"
    )
    _bind(libc, directory / "resolv.conf", Path("/etc/resolv.conf"))
    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        lines = [
            "hosts: files dns" if line.split(":")[0].strip() == "hosts" else line
            for line in switch.read_text().splitlines()
        ]
        (directory / "nsswitch.conf").write_text("\n".join(lines) + "\n")
        _bind(libc, directory / "nsswitch.conf", switch)
    empty = directory / "empty"
    empty.mkdir()
    for place in map(Path, NO_NAME_SERVICE):
        if place.is_dir() and not place.is_symlink():
            _mount(libc, str(empty), str(place), MS_BIND)


def _trust(libc: ctypes.CDLL, ca: Path) -> None:
    """For programs that ask no variable: the emulated Internet has one CA, and none of this machine's."""
    for bundle in {path.resolve() for path in map(Path, CA_BUNDLES) if path.exists()}:
        _bind(libc, ca, bundle)


def _bind(libc: ctypes.CDLL, source: Path, target: Path) -> None:
    real = target.resolve()
    if not real.exists():
        raise Forbidden(f"{target} does not exist, so nothing can be mounted over it: create an empty file")
    _mount(libc, str(source), str(real), MS_BIND)


def _mount(libc: ctypes.CDLL, source: str | None, target: str, flags: int) -> None:
    if libc.mount(source and source.encode(), target.encode(), None, flags, None):
        number = ctypes.get_errno()
        raise Forbidden(f"{target} cannot be mounted over: {os.strerror(number)}")


def environment(ca: Path, laptop: str) -> dict[str, str]:
    """The environment of programs in the shell: the world's CA is trusted, no proxy of this machine asked."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    told = dict.fromkeys(CA_VARIABLES, str(ca))
    return {**kept, **told, "JOURNEY_SHELL": laptop}
