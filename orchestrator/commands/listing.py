"""The elements of a world as a table."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

DOORS = ("ingress", "proxy")
STATE_STYLES = {"up": "green", "late": "yellow"}


def show_elements(console: "Console", listed: dict[str, Any]) -> None:
    """Each element with its process and state, and the addresses that the world listens on."""
    from rich.table import Column, Table

    right = ("pid", "restarts")
    titles = ("element", "kind", "pid", "state", "restarts")
    columns = (Column(title, justify="right" if title in right else "left") for title in titles)
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for element in listed["elements"]:
        state = element["state"]
        style = STATE_STYLES.get(state, "bold red")
        table.add_row(
            element["name"], element["kind"], str(element["pid"]), f"[{style}]{state}[/]", str(element["restarts"]),
        )  # fmt: skip
    console.print(table)
    for name, address in listed["addresses"].items():
        if not name.startswith("dns") and name not in DOORS:
            console.print(f"{name}: {address}")
    show_clients(console, listed)
    for line in dns_lines(listed["addresses"]):
        console.print(line)
    within = ", in each container" if "ca" in listed else ""
    console.print(f"[dim]run directory {listed['directory']}{within}[/]")


def dns_lines(addresses: dict[str, str]) -> list[str]:
    """Where dig may ask: the usual place, and the ports of all who answer."""
    if "dns" not in addresses:
        return []
    host, _, port = addresses["dns"].rpartition(":")
    others = (
        f"{name.removeprefix('dns.')} {address.rpartition(':')[2]}"
        for name, address in addresses.items()
        if name.startswith("dns.")
    )
    return [f"dns: dig @{host.strip('[]')} -p {port} NAME; ports: {', '.join(others)}"]


def show_clients(console: "Console", listed: dict[str, Any]) -> None:
    """Where real programs may walk in, on lines that are pasted whole."""
    for line in client_lines(listed):
        console.print(line, soft_wrap=True, markup=False)


def client_lines(listed: dict[str, Any]) -> list[str]:
    """Where real programs may walk in as the laptop, each with a line to paste."""
    addresses, lines = listed["addresses"], []
    if "ingress" in addresses:
        lines.append(f"ingress: curl -i http://{addresses['ingress']}/")
    if "proxy" in addresses:
        lines.append(f"proxy: {proxy_command(listed)}")
    return lines


def proxy_command(listed: dict[str, Any]) -> str:
    """curl through the proxy, trusting the world's CA."""
    ca, url = listed.get("ca") or f"{listed['directory']}/ca.pem", listed.get("url") or "URL"
    return f"curl --proxy socks5h://{listed['addresses']['proxy']} --cacert {ca} {url}"
