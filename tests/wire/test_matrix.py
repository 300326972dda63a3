from tests.wire import matrix


def test_the_readme_says_what_the_code_does():
    readme = matrix.README.read_text()
    assert matrix.filled(readme) == readme, "run: python -m tests.wire.matrix"


def test_every_door_and_dialect_does_the_main_things_natively():
    for probe in matrix.PROBES:
        if probe.name in (
            "text, streams",
            "tools",
            "system messages",
            "JSON schema",
            "images, data",
        ):
            for door in matrix.DOORS:
                cells = {matrix.cell(probe, door, dialect) for dialect in matrix.MODELS}
                assert cells == {"native"}, (probe.name, door, cells)
