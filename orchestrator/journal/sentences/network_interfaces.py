"""Where pods' addresses come from: ipamd's pool, and EC2."""

from orchestrator.journal.sentences.table import Record, Told, sentence
from orchestrator.journal.wording import plain


@sentence("ipam.assign")
def ipam_assign(r: Record) -> Told:
    what = "still has" if r.get("restored") else "gets"
    return Told(f"ipamd: pod {r['pod']} {what} {r['address']}", f"of network interface {r['eni']}")


@sentence("ipam.release")
def ipam_release(r: Record) -> Told:
    return Told(
        f"ipamd: {r['address']} is free again, and cools down", f"{r['reason']}, was pod {r['pod']}'s"
    )


@sentence("ipam.error")
def ipam_error(r: Record) -> Told:
    return Told(f"ipamd: {r['step']} has failed", r["error"])


@sentence("ipam.state_file")
def ipam_state_file(r: Record) -> Told:
    return Told("ipamd: the state file cannot be read", r["error"])


@sentence("ipam.no_prefix_delegation")
def ipam_no_prefix_delegation(r: Record) -> Told:
    return Told(f"ipamd: a {r['instance_type']} takes no prefixes; single addresses are used")


@sentence(
    "ec2.create_network_interface",
    "ec2.attach_network_interface",
    "ec2.detach_network_interface",
    "ec2.delete_network_interface",
    "ec2.modify_network_interface_attribute",
    "ec2.assign_private_ip_addresses",
    "ec2.unassign_private_ip_addresses",
    "ec2.create_security_group",
    "ec2.delete_security_group",
    "ec2.authorize_security_group_ingress",
    "ec2.authorize_security_group_egress",
    "ec2.revoke_security_group_ingress",
    "ec2.revoke_security_group_egress",
    "ec2.update_security_group_rule_descriptions_ingress",
    "ec2.update_security_group_rule_descriptions_egress",
    "ec2.allocate_address",
    "ec2.associate_address",
    "ec2.disassociate_address",
    "ec2.release_address",
    "ec2.create_tags",
    "ec2.delete_tags",
)
def ec2_request(r: Record) -> Told:
    name = "".join(word.capitalize() for word in r["kind"].removeprefix("ec2.").split("_"))
    return Told(f"EC2: {name}", plain(r["request"]))


@sentence("ec2.instance_away")
def ec2_instance_away(r: Record) -> Told:
    return Told(f"Instance {r['instance']} is away; it will ask when it boots", r["error"])
