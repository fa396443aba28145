"""The arithmetic of rows, pages and indexes, on tables that are described and not made."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lab.analyse import bloat, index_bloat
from lab.analyse.layout import Size, index_row_size, row_size, rows_of_a_page
from lab.observe.bloat import stored_lengths
from lab.record.bloat import Column, Counters, Index, IndexSpace, Reading, Seen, SeenIndex, Space, Table

FLAG = Column(1, "flag", 1, 1, null_share=0.0, width=1)
NUMBER = Column(2, "number", 8, 8, null_share=0.0, width=8)
TEXT = Column(3, "text", -1, 4, shortens=True, null_share=0.0, width=33, lengths=((33, 1.0),))
COUNTED = Counters(18_500, 0, 0, 0, 0, 0, 1, 1, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
# 24 + 9 bytes, 40 with padding, 44 with the pointer: 185 to a page
TABLE = Table(
    1, "t", 100 * 8192, counted_pages=100, counted_rows=18_500.0, columns=(NUMBER, FLAG), counters=COUNTED
)  # fmt: skip


def test_the_order_of_columns_decides_on_their_padding() -> None:
    assert row_size([FLAG, NUMBER, FLAG, NUMBER]).bytes == 24 + 32
    assert row_size([NUMBER, NUMBER, FLAG, FLAG]).bytes == 24 + 18
    assert row_size([FLAG, NUMBER, FLAG, NUMBER], padded=False).bytes == 24 + 18


def test_a_short_text_is_not_aligned_and_a_long_one_is() -> None:
    long = replace(TEXT, width=204, lengths=((204, 1.0),))
    assert row_size([FLAG, TEXT]).bytes == 24 + 1 + 33
    assert row_size([FLAG, long]).bytes == 24 + 4 + 204


def test_a_width_that_is_known_as_a_mean_only_is_taken_half_a_byte_longer_for_it_was_cut() -> None:
    assert row_size([replace(TEXT, lengths=())]).bytes == pytest.approx(24 + 33.5)
    assert row_size([replace(TEXT, lengths=((33, 0.5), (34, 0.5)))]).bytes == pytest.approx(24 + 33.5)


def test_a_null_takes_no_room_but_may_lengthen_the_header() -> None:
    assert row_size([replace(NUMBER, null_share=1.0)]).bytes == 24
    nine = [replace(NUMBER, null_share=0.5), *[NUMBER] * 8]
    assert row_size(nine).bytes == pytest.approx(0.5 * (24 + 72) + 0.5 * (32 + 64))


def test_a_dropped_column_takes_no_room_in_a_new_row() -> None:
    assert row_size([NUMBER, replace(TEXT, dropped=True, null_share=None, width=None)]).bytes == 24 + 8


def test_a_column_that_was_never_looked_at_makes_the_row_unknown() -> None:
    assert row_size([NUMBER, replace(TEXT, null_share=None, width=None)]) is None


def test_an_index_entry_of_eight_bytes_takes_sixteen() -> None:
    assert index_row_size([NUMBER]).aligned == 16
    assert index_row_size([replace(NUMBER, null_share=1.0)]).aligned == 16


@pytest.mark.parametrize(("fillfactor", "rows"), [(100, 185), (70, 129), (10, 18)])
def test_a_page_takes_as_many_rows_as_the_fillfactor_allows(fillfactor: int, rows: int) -> None:
    assert rows_of_a_page(Size(33, 40, False), fillfactor) == rows


def test_a_page_never_takes_more_rows_than_it_may_have_pointers() -> None:
    assert rows_of_a_page(Size(24, 24, False)) == 291


def test_a_full_table_has_nothing_to_give() -> None:
    space = bloat.estimate(TABLE)
    assert space.rewrite_pct == space.dead_pct == 0
    assert space.free_pct == pytest.approx(100 * (8192 - 24 - 185 * 44) / 8192)


def test_dead_rows_are_what_vacuum_frees_and_a_rewrite_gives_back_their_pointers_too() -> None:
    space = bloat.estimate(replace(TABLE, counters=replace(COUNTED, live=9250, dead=9250)))
    assert space.dead_pct == pytest.approx(100 * 9250 * 33 / TABLE.size_bytes)
    assert space.rewrite_pct == pytest.approx(50, abs=0.1)


def test_dead_rows_that_were_pruned_are_counted_but_take_no_room() -> None:
    space = bloat.estimate(replace(TABLE, counters=replace(COUNTED, dead=9000)))
    assert space.dead_rows == 9000
    assert space.dead_pct < 2
    assert space.free_pct >= 0


def test_counters_that_cannot_be_true_are_not_taken() -> None:
    late = bloat.estimate(replace(TABLE, counters=replace(COUNTED, live=37_000)))
    assert late.live_rows == 18_500
    assert "of which 18,500 fit into the file" in late.notes[0]


def test_more_rows_than_their_widths_allow_are_taken_where_both_have_counted_them() -> None:
    narrow = replace(TABLE, counters=replace(COUNTED, live=37_000), counted_rows=37_000.0)
    assert bloat.estimate(narrow).live_rows == 37_000
    assert "they are narrower" in bloat.estimate(narrow).notes[0]


@pytest.mark.parametrize(("orphans", "said"), [(10_000, "up to 5 points more"), (2500, "up to 1 point more")])
def test_points_are_counted_as_people_do(orphans: int, said: str) -> None:
    live = 18_500 - orphans
    space = bloat.estimate(replace(TABLE, counters=replace(COUNTED, live=live)))
    assert said in " ".join(space.notes)


def test_counters_that_a_crash_has_taken_are_not_taken() -> None:
    lost = replace(COUNTED, live=0, last_vacuum=None, last_analyze=None)
    space = bloat.estimate(replace(TABLE, counters=lost))
    assert (space.live_rows, space.notes) == (18_500, (bloat.LOST,))


def test_an_emptied_table_is_not_taken_for_one_whose_counters_are_lost() -> None:
    space = bloat.estimate(replace(TABLE, counters=replace(COUNTED, live=0)))
    assert space.rewrite_pct == 100


@pytest.mark.parametrize("rows", [-1.0, 0.0])
def test_a_table_that_was_never_counted_is_not_estimated(rows: float) -> None:
    space = bloat.estimate(replace(TABLE, counted_rows=rows, counted_pages=0))
    assert (space.rewrite_pct, space.notes) == (None, (bloat.NEVER_ANALYZED,))


def test_a_table_that_grew_since_it_was_counted_is_taken_to_be_as_dense() -> None:
    space = bloat.estimate(replace(TABLE, size_bytes=200 * 8192, counters=None))
    assert space.live_rows == 37_000


def test_what_changed_since_analyze_is_said() -> None:
    space = bloat.estimate(replace(TABLE, counters=replace(COUNTED, changed=5000)))
    assert "5,000 rows have changed since ANALYZE" in space.notes[0]


def test_the_usual_estimate_takes_the_fillfactor_for_bloat() -> None:
    table = replace(TABLE, fillfactor=70, counters=replace(COUNTED, live=12_900), counted_rows=12_900.0)
    assert bloat.estimate(table).rewrite_pct == 0
    assert bloat.estimate(table, with_fillfactor=False).rewrite_pct == pytest.approx(30, abs=0.5)


def test_an_empty_file_has_no_shares() -> None:
    space = bloat.estimate(replace(TABLE, size_bytes=0))
    assert (space.dead_pct, space.rewrite_pct) == (0, 0)


def test_what_was_read_becomes_a_space_with_its_cost() -> None:
    row = {"table_len": 819_200, "tuple_count": 18_500, "tuple_len": 18_500 * 33, "dead_tuple_count": 0,
           "dead_tuple_len": 0, "free_space": 100 * 28}  # fmt: skip
    found = bloat.spaces(Seen(TABLE, (Reading("exact", 12.5, row), Reading("counters", 1.0))))
    assert (found.spaces["exact"].took_ms, found.spaces["exact"].read_blocks) == (12.5, 100)
    assert found.spaces["exact"].rewrite_pct == 0
    assert found.spaces["counters"].free_pct is None


def test_the_reserve_of_the_fillfactor_is_free_and_not_to_be_reused() -> None:
    space = Space("exact", 1000, dead_bytes=100.0, free_bytes=400.0, reserve_bytes=300.0)
    assert (space.dead_pct, space.free_pct, space.reuse_pct) == (10, 40, 20)


INDEX = Index(2, 1, "i", 113 * 8192, columns=(NUMBER,), counted_rows=40_000.0)


def test_an_index_of_distinct_keys_is_as_large_as_create_index_makes_it() -> None:
    # 366 entries of 20 bytes fill nine tenths of a page; one page above them, and the first
    assert index_bloat.estimate(INDEX, 40_000).rebuilt_bytes / 8192 == pytest.approx(112, abs=1)


def test_duplicates_are_merged_where_the_index_may_do_so() -> None:
    ten = replace(NUMBER, n_distinct=10.0, common_shares=(0.1,) * 10)
    merging = replace(INDEX, columns=(ten,), merges_duplicates=True)
    merged, single = (index_bloat.estimate(merging, 40_000, merged=how).rebuilt_bytes for how in (True, False))
    assert merged < single / 2.5
    assert index_bloat.estimate(replace(merging, merges_duplicates=False), 40_000).rebuilt_bytes == single


def test_an_index_half_as_dense_gives_back_half() -> None:
    row = {"index_size": 112 * 8192, "leaf_pages": 110, "internal_pages": 1, "avg_leaf_density": 45.0}
    assert index_bloat.exact(INDEX, row).rebuild_pct == pytest.approx(50, abs=1)


def test_an_index_without_entries_has_no_density() -> None:
    row = {"index_size": 8192, "leaf_pages": 0, "internal_pages": 0, "avg_leaf_density": float("nan")}
    assert index_bloat.exact(replace(INDEX, size_bytes=8192), row).density_pct == 0


def test_another_kind_of_index_is_not_estimated() -> None:
    space = index_bloat.estimate(replace(INDEX, method="gin"), 40_000)
    assert (space.rebuild_pct, space.notes) == (None, (index_bloat.ONLY_BTREE,))


def test_an_index_of_nobody_knows_how_many_rows_is_not_estimated() -> None:
    assert index_bloat.estimate(replace(INDEX, counted_rows=-1.0), None) == IndexSpace(
        "estimate", INDEX.size_bytes, notes=(index_bloat.NO_WIDTHS,)
    )


def test_lengths_as_stored_have_a_header_of_one_byte_or_four() -> None:
    assert stored_lengths([], [], [126, 127], 0.0) == ((127, 0.5), (131, 0.5))
    assert stored_lengths([], [1.0], [], 0.0) == ()
    assert stored_lengths([10], [0.25], [20], 0.5) == ((11, 0.5), (21, 0.5))


LATE = replace(COUNTED, live=0, dead=18_500, changed=18_500, inserted=37_000, deleted=18_500)


def test_changes_reported_after_the_vacuum_that_saw_them_are_recognised() -> None:
    table = replace(TABLE, size_bytes=200 * 8192, counted_pages=200, counters=LATE)
    space = bloat.estimate(table)
    assert (space.live_rows, space.dead_rows, round(space.rewrite_pct)) == (18_500, 0, 50)
    assert "reported after" in space.notes[0]
    assert (bloat.counted(table).dead_rows, bloat.counted(table).live_rows) == (None, None)


@pytest.mark.parametrize(
    "true",
    [
        replace(LATE, deleted=37_000),  # all that VACUUM had counted were deleted since
        replace(LATE, live=18_500, dead=18_500),  # updated since
        replace(LATE, last_vacuum=None, last_analyze=None),
    ],
)
def test_changes_that_can_be_later_than_the_vacuum_are_believed(true: Counters) -> None:
    assert not bloat.counted_late(replace(TABLE, counters=true))


def test_dead_rows_of_an_empty_file_are_none() -> None:
    emptied = replace(TABLE, size_bytes=0, counted_rows=0.0, counted_pages=0, counters=replace(LATE, inserted=18_500))
    assert bloat.counted_late(emptied)
    assert bloat.counted(emptied).dead_rows is None


READ = Reading("exact", 1.0, {"index_size": 112 * 8192, "leaf_pages": 110, "internal_pages": 1, "empty_pages": 0,
                              "deleted_pages": 0, "avg_leaf_density": 90.0})  # fmt: skip


@pytest.mark.parametrize(
    ("dead", "partial", "said"),
    [(20_000.0, False, "about 50.0 %"), (30_000.0, True, "about 74.1 %"), (None, False, "nobody has counted")],
)
def test_dead_rows_may_have_entries_that_reindex_drops(dead: float | None, partial: bool, said: str) -> None:
    seen = SeenIndex(replace(INDEX, size_bytes=112 * 8192, partial=partial), (READ,))
    space = index_bloat.spaces(seen, 20_000.0, 20_000.0, dead).spaces["exact"]
    assert said in space.notes[0]
    assert (space.rebuild_pct is None) == (dead is not None)


def test_a_few_dead_rows_decide_on_no_point() -> None:
    seen = SeenIndex(replace(INDEX, size_bytes=112 * 8192), (READ,))
    space = index_bloat.spaces(seen, 40_000.0, 40_000.0, 100.0).spaces["exact"]
    assert (round(space.rebuild_pct), space.notes) == (0, ())
