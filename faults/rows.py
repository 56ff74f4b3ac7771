"""The table: all rows, in the order in which they are run."""

from faults import (
    blocked,
    books,
    broken_lines,
    clock_steps,
    disk,
    every_step,
    frozen_process,
    hostile,
    kill_switch,
    kills,
    late_orders,
    limits,
    lost_replies,
    missed_fills,
    raising,
    reordered_reports,
    silent_stream,
    slow_strategies,
    stops,
    twins,
    venue_limits,
    wrong_answers,
)
from faults.row import Row

ROWS: dict[str, Row] = {
    row.id: row
    for row in (
        kills.ROW,
        every_step.ROW,
        lost_replies.ROW,
        wrong_answers.ROW,
        late_orders.ROW,
        broken_lines.ROW,
        missed_fills.ROW,
        reordered_reports.ROW,
        books.ROW,
        silent_stream.ROW,
        slow_strategies.ROW,
        raising.ROW,
        blocked.ROW,
        frozen_process.ROW,
        clock_steps.ROW,
        disk.ROW,
        stops.ROW,
        twins.ROW,
        venue_limits.ROW,
        limits.ROW,
        kill_switch.ROW,
        hostile.ROW,
    )
}
