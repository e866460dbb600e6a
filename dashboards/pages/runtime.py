"""What the emulator itself costs, in wall time."""

from dashboards.model import Page, Panel, Query, Row, mean, quantile, rate

PAGE = Page(
    uid="journey-runtime",
    title="Emulator internals",
    question="Is the emulator itself healthy, and what does it cost?",
    panels=(
        Panel(
            "Processes by state",
            "All up. One that restarts shows as a dip.",
            (Query("sum by (state) (journey_runtime_actors)", "{{state}}"),),
            stacked=True,
        ),
        Panel(
            "Restarts",
            "Processes that ended and were started anew, per kind, over the last 5 minutes.",
            (Query("sum by (kind) (increase(journey_runtime_actor_restarts_total[5m]))", "{{kind}}"),),
            may_be_empty="while no process ends",
        ),
        Panel(
            "Frames",
            "Frames per second that elements take in, by kind: routers see every packet, hosts only their "
            "own.",
            (Query(rate("journey_runtime_messages_total", "kind"), "{{kind}}"),),
            unit="pps",
            stacked=True,
        ),
        Panel(
            "Mailboxes",
            "Frames that wait in a process for their time: propagation, so they grow with delay and rate.",
            (Query("sum by (kind) (journey_runtime_mailbox_items)", "{{kind}}"),),
        ),
        Panel(
            "Loop lag",
            "p50 and p99 over all processes of how late their event loops are.",
            (
                Query(quantile(0.5, "journey_runtime_loop_lag_seconds"), "p50"),
                Query(quantile(0.99, "journey_runtime_loop_lag_seconds"), "p99"),
            ),
            unit="s",
            warn=0.005,
        ),
        Panel(
            "Dispatch lag",
            "p99 of how late frames are handed over after their time, by process; the ten worst.",
            (
                Query(
                    f"topk(10, {quantile(0.99, 'journey_runtime_dispatch_lag_seconds', 'process')})",
                    "{{process}}",
                ),
            ),
            unit="s",
            warn=0.005,
        ),
        Panel(
            "Processor time",
            "Processors in use by kind of element; what comes near the number of cores is where lag begins.",
            (Query(rate("journey_runtime_cpu_seconds_total", "kind"), "{{kind}}"),),
            stacked=True,
        ),
        Panel(
            "Memory",
            "Bytes in use by kind of element; pages that processes share are counted once.",
            (Query("sum by (kind) (journey_runtime_memory_bytes)", "{{kind}}"),),
            unit="bytes",
            stacked=True,
        ),
        Panel(
            "Wait in mailboxes",
            "The mean time that a frame waits beyond its own, by kind.",
            (Query(mean("journey_runtime_mailbox_wait_seconds", "kind"), "{{kind}}"),),
            unit="s",
            may_be_empty="while no frames move",
        ),
        Panel(
            "A scrape",
            "How long the exporter takes for its answer, and how long Prometheus waits for it.",
            (
                Query("max(journey_runtime_export_duration_seconds)", "exporter"),
                Query('max(scrape_duration_seconds{job="journey"})', "Prometheus"),
            ),
            unit="s",
            warn=0.15,
        ),
    ),
    rows=(
        Row(
            "The exporter",
            (
                Panel(
                    "Series",
                    "Samples in one scrape; it grows by what every pod and target brings, and falls when "
                    "they go.",
                    (Query('sum(scrape_samples_scraped{job="journey"})', "samples"),),
                ),
            ),
        ),
    ),
)
