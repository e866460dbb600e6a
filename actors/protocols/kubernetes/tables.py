"""Server-side printing: objects as a `Table` of meta.k8s.io/v1, which is what `kubectl get` asks for."""

from typing import Any

from actors.protocols.kubernetes.printers import cluster, network, pods, workloads
from actors.protocols.kubernetes.printers.common import NAME, Column, Object, Printer, name_of

_TABLE = {"kind": "Table", "apiVersion": "meta.k8s.io/v1"}
_PRINTERS = {
    "ConfigMap": cluster.CONFIG_MAP,
    "ControllerRevision": workloads.CONTROLLER_REVISION,
    "DaemonSet": workloads.DAEMON_SET,
    "Deployment": workloads.DEPLOYMENT,
    "EndpointSlice": network.ENDPOINT_SLICE,
    "Endpoints": network.ENDPOINTS,
    "Event": cluster.EVENT,
    "Ingress": network.INGRESS,
    "IngressClass": network.INGRESS_CLASS,
    "IngressClassParams": network.INGRESS_CLASS_PARAMS,
    "Lease": cluster.LEASE,
    "Namespace": cluster.NAMESPACE,
    "Node": cluster.NODE,
    "Pod": pods.POD,
    "ReplicaSet": workloads.REPLICA_SET,
    "Service": network.SERVICE,
    "TargetGroupBinding": network.TARGET_GROUP_BINDING,
}


def _plain(value: Object, now: float) -> list[Any]:
    return [name_of(value), value["metadata"].get("creationTimestamp", "")]


_DEFAULT = Printer((NAME, Column("Created At", "date")), _plain)


def table(
    kind: str,
    objects: list[Object],
    *,
    now: float,
    include_object: str = "Metadata",
    with_columns: bool = True,
) -> Object:
    """The Table of objects of one kind as of `now` (Unix seconds); its metadata are left to the caller.

    `include_object` says what of the object comes with its row: `None`, `Metadata`, or `Object`.
    """
    printer = _PRINTERS.get(kind, _DEFAULT)
    rows = []
    for value in objects:
        row: Object = {"cells": printer.cells(value, now)}
        if kind == "Pod" and (conditions := _row_conditions(value)):
            row["conditions"] = conditions
        if include_object != "None":
            row["object"] = value if include_object == "Object" else partial_metadata(value)
        rows.append(row)
    columns = [each._asdict() for each in printer.columns] if with_columns else []
    return {**_TABLE, "metadata": {}, "columnDefinitions": columns, "rows": rows}


def partial_metadata(value: Object) -> Object:
    """The object's PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"]}


_COMPLETED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def _row_conditions(pod: Object) -> list[Object]:
    phase = (pod.get("status") or {}).get("phase")
    if phase not in _COMPLETED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _COMPLETED[phase]}]
