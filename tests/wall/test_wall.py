"""The short form of the wall (see `matrix`); the whole one is `make wall`."""

import os
import sys

from tests.wall.matrix import Wall, cells, figures, table

WHOLE = os.environ.get("ROUTOR_WALL") == "whole"


async def test_no_fault_leaves_a_mark(service, sandbox):
    wall = Wall(service, sandbox)
    for cell in cells(whole=WHOLE):
        await wall.run(cell)
    told, shown = figures(wall.outcomes), table(wall.outcomes)
    sys.stdout.write(shown + "\n")
    assert (told.sound, told.wrong) == (100, 0), shown
    assert told.answered == 100, shown
    assert told.continued >= 99, shown
    assert told.calls <= 3.0 or WHOLE, shown
