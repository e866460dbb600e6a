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
        if not name.startswith("dns") and name.partition(".")[0] not in DOORS:
            console.print(f"{name}: {address}")
    show_clients(console, listed)
    for line in dns_lines(listed["addresses"]):
        console.print(line)
    within = ", in each container" if any(each.get("host") for each in listed["elements"]) else ""
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
    """Where real programs may walk in, each with a line to paste; with the laptop's name where there are several."""
    laptops = [element["name"] for element in listed["elements"] if element["kind"] == "laptop"]
    lines = []
    for name, place in listed["addresses"].items():
        door, _, laptop = name.partition(".")
        if door in DOORS:
            whose = f" ({laptop or laptops[0]})" if len(laptops) > 1 else ""
            command = f"curl -i http://{place}/" if door == "ingress" else proxy_command(listed, place)
            lines.append(f"{door}{whose}: {command}")
    return lines


def proxy_command(listed: dict[str, Any], place: str | None = None) -> str:
    """curl through the proxy (at this place), trusting the world's CA."""
    place = place or listed["addresses"]["proxy"]
    return f"curl --proxy socks5h://{place} --cacert {listed['ca']} {listed.get('url') or 'URL'}"
