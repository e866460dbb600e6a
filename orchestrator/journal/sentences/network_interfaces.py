"""Where pods' addresses come from: ipamd's pool, and EC2."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import plain


@sentence("ipam.assign")
def ipam_assign(r: Record) -> Told:
    what = "still has" if r.get("restored") else "gets"
    return Told(f"ipamd: pod {r['pod']} {what} {r['address']}", f"of network interface {r['eni']}")


says("ipam.release", "ipamd: {address} is free again, and cools down", "{reason}, was pod {pod}'s")
says("ipam.error", "ipamd: {step} has failed", "{error}")
says("ipam.state_file", "ipamd: the state file cannot be read", "{error}")
says("ipam.no_prefix_delegation", "ipamd: a {instance_type} takes no prefixes; single addresses are used")


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


says("ec2.instance_away", "Instance {instance} is away; it will ask when it boots", "{error}")
