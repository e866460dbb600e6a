"""How Kubernetes and Go write times, durations and names of pods."""

from datetime import UTC, datetime

from actors.units import MILLISECOND, SECOND


def api_time(unix_ns: int) -> str:
    """`metav1.Time`: RFC 3339 in whole seconds."""
    return datetime.fromtimestamp(unix_ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(unix_ns: int) -> str:
    """`metav1.MicroTime`, as in leases."""
    seconds, rest_ns = divmod(unix_ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1000:06d}Z"


def unix_ns_of(text: str) -> int:
    """The other way round; raises ValueError."""
    moment = datetime.strptime(text.partition(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    fraction = text.partition(".")[2].rstrip("Z")
    return int(moment.timestamp()) * SECOND + int((fraction or "0").ljust(9, "0")[:9])


def go_duration(nanoseconds: int) -> str:
    """`time.Duration`: 10s, 1m20s, 5m0s, 372ms, 1.204s."""
    if nanoseconds < SECOND:
        return f"{round(nanoseconds / MILLISECOND)}ms" if nanoseconds else "0s"
    seconds = round(nanoseconds / SECOND, 3)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    written = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{written}"
    return f"{minutes}m{written}" if minutes else written


def pod_text(name: str, namespace: str, uid: str) -> str:
    """`nginx-0_default(3f0c…)`, as the kubelet names a pod."""
    return f"{name}_{namespace}({uid})"
