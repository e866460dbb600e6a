"""What Prometheus' own tool says of a scrape."""

import re
import subprocess

YACE = re.compile(r"aws_applicationelb_\w+ (?:.* \"_sum\" suffix|label names .* not 'camelCase')")
"""YACE's names end in `_sum`, and its labels are `dimension_TargetGroup`; users' dashboards ask for them so."""
IPAMD = re.compile(r"awscni_aws_api_latency_ms metric names should not contain abbreviated units")


def complaints(text: bytes) -> list[str]:
    """Lines of `promtool check metrics`, but for those about names that are not ours to choose."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30)
    lines = (done.stdout + done.stderr).decode().splitlines()
    assert lines or done.returncode == 0
    return [line for line in lines if not (YACE.fullmatch(line) or IPAMD.fullmatch(line))]
