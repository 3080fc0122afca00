"""Messages are what other projects' decoders read: Flink's formats, Kafka Connect's converter,
Alibaba's classes, fastavro with Apicurio's registry.

cdc-replay writes a recording's messages to a file; what a decoder makes of them, applied row by
row, must be the recorded final rows.
"""

import pytest

from harness import programs
from harness.cases import case_named
from harness.cdc import run
from harness.decoders import (
    JAVA_DECODERS,
    Apicurio,
    decode_avro,
    decode_with_java,
    final_rows,
)

pytestmark = pytest.mark.xdist_group("decoders")

CASES = ["01_types_numeric", "02_types_string", "05_keys", "06_dml_patterns", "20_bank", "21_oltp"]


def write_messages(case, folder, protocol):
    """The messages of a case, in a file."""
    out = folder / f"{case.name}.{protocol.partition('&')[0].partition('=')[2]}"
    config = folder / f"{case.name}.toml"
    rules = ", ".join(f"'{rule}'" for rule in case.meta["filter"])
    config.write_text(f"ignore-ineligible-table = true\n[filter]\nrules = [{rules}]\n")
    replay = [programs.find("cdc-replay"), "--recording", str(case.path), "--out", str(out)]
    run([*replay, f"--config={config}", f"--sink-uri=kafka://-/t?{protocol}"], 60).ok()
    return out


@pytest.fixture(scope="module")
def read_by_java(tmp_path_factory):
    """All that the decoders in Java make of all cases: one virtual machine reads them."""
    jobs = {}
    for name in CASES:
        case = case_named(name)
        for decoder, protocol in JAVA_DECODERS.items():
            folder = tmp_path_factory.mktemp(decoder)
            jobs[name, decoder] = (
                case.final_state(),
                decoder,
                write_messages(case, folder, protocol),
            )
    return dict(zip(jobs, decode_with_java(list(jobs.values()))))


@pytest.fixture(scope="module")
def registry(scratch):
    running = Apicurio(scratch).start()
    yield running
    running.stop()


def assert_same(decoder, case, rows):
    expected = final_rows(case.final_state(), decoder)
    assert sum(map(len, expected.values())) > 10
    for table, known in expected.items():
        found = rows.get(table, {})
        wrong = {key: row for key, row in found.items() if known.get(key) != row}
        first = next(iter(wrong.items()), None)
        assert not wrong, f"{table}: {len(wrong)} rows differ: {first}, not {known.get(first[0])}"
        assert found.keys() == known.keys(), f"{table} lacks {list(known.keys() - found.keys())[:5]}"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("decoder", JAVA_DECODERS)
def test_java_decoders_arrive_at_the_recorded_rows(name, decoder, read_by_java):
    assert_same(decoder, case_named(name), read_by_java[name, decoder])


@pytest.mark.parametrize("name", CASES)
def test_fastavro_arrives_at_the_recorded_rows(name, registry, tmp_path):
    case = case_named(name)
    messages = write_messages(case, tmp_path, f"protocol=avro&schema-registry={registry.url}")
    assert_same("avro", case, decode_avro(case.final_state(), registry, messages))
