"""What becomes of load balancers and their zones: Elastic Load Balancing's own decisions."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence

says("elbv2.load_balancer", "Elastic Load Balancing: load balancer {name} is {state}")


@sentence("elbv2.zone")
def elbv2_zone(r: Record) -> Told:
    name = r["load_balancer"].split("/")[-2]
    what = "leaves its name" if r["state"] == "unhealthy" else "is in its name again"
    return Told(f"Elastic Load Balancing: {name}'s zone {r['availability_zone']} {what}", r["why"])
