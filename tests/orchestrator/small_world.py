"""A world of a few processes, for what is the same in one of forty: how it starts, and how it ends."""

SMALL_WORLD = """
version: 1
name: small
elements:
  kube-api: {kind: kube_api}
  kube-controller-manager: {kind: kube_controller_manager}
  kube-scheduler: {kind: kube_scheduler}
  isp: {kind: isp_as, asn: 64500, interfaces: {eth0: 203.0.113.1/30}}
  transit: {kind: isp_as, asn: 64510, interfaces: {eth0: 203.0.113.2/30}}
links:
  fibre: {between: [isp.eth0, transit.eth0], delay: 50us}
"""
