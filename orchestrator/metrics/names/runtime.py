"""Metrics of the run, and of what emulating the world costs."""

from actors.bounds import QUEUEING_S
from orchestrator.metrics.names.model import Metric, counter, gauge, histogram, info

_KIND = ("kind",)
_PROCESS = ("process",)

RUNTIME: tuple[Metric, ...] = (
    gauge("journey_event_active", "Whether something that a scenario or a user did is in effect.", "event", "target"),
    info("journey_build_info", "The version that runs.", "version"),
    info("journey_scenario_info", "The scenario that runs.", "name", "seed", "variant"),
    gauge("journey_run_start_timestamp_seconds", "When the world came up, in Unix time.", merge="max"),
    gauge("journey_runtime_actors", "Processes of elements, by kind and state.", "kind", "state"),
    counter("journey_runtime_messages_total", "Frames that elements have handled.", added=_KIND),
    counter("journey_runtime_batches_total", "ZeroMQ messages that they came in.", added=_KIND),
    gauge("journey_runtime_mailbox_items", "Frames that have come before they are due.", added=_KIND),
    histogram("journey_runtime_mailbox_wait_seconds", "How long after it was due the first frame of a batch was "
              "handled.", added=_KIND, buckets=QUEUEING_S),
    histogram("journey_runtime_loop_lag_seconds", "How late timers ran. Elements that others have launched are told "
              "together, by their kind.", added=_PROCESS, buckets=QUEUEING_S),
    histogram("journey_runtime_dispatch_lag_seconds", "How long after it was due the last frame of a batch was "
              "handled.", added=_PROCESS, buckets=QUEUEING_S),
    histogram("journey_runtime_generator_lag_seconds", "How late a load's requests were sent, against the machine's "
              "clock.", added=_PROCESS, buckets=QUEUEING_S),
    gauge("journey_runtime_dispatch_lag_seconds_max", "The worst of the last second.", added=_PROCESS, merge="max"),
    counter("journey_runtime_actor_restarts_total", "Processes that were started again.", "kind"),
    gauge("journey_runtime_export_duration_seconds", "What making the text of the last scrape took.", merge="max"),
    counter("journey_runtime_cpu_seconds_total", "Processor time that elements used.", added=_KIND),
    gauge("journey_runtime_memory_bytes", "Memory that elements use: proportional set size, every ten seconds.",
          added=_KIND),
    counter("journey_runtime_malformed_messages_total", "ZeroMQ messages and envelopes that were junk.", added=_KIND),
    counter("journey_runtime_refused_connections_total", "Peers that came without a key of this world, in containers.",
            added=_KIND),
    counter("journey_runtime_malformed_control_total", "Control messages that were junk.", added=_KIND),
    counter("journey_runtime_element_errors_total", "Errors that an element raised where it must not.", added=_KIND),
    counter("journey_runtime_undelivered_frames_total", "Frames that a neighbour's full or closed socket did not "
            "take.", added=_KIND),
)  # fmt: skip
