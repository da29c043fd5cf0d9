"""Functions of a tensor that do more than compute, and the operation that gives each away."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Hostile = Callable[[Any, Any], Any]


def reads(tf: Any, x: Any) -> Any:
    return tf.io.read_file("/etc/passwd") + tf.strings.as_string(x)


def writes(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([tf.io.write_file("/tmp/x", "x")]):  # noqa: S108 - never run
        return x + 1


def lists(tf: Any, x: Any) -> Any:
    return tf.io.matching_files("/etc/*"), x


def runs_python(tf: Any, x: Any) -> Any:
    return tf.py_function(lambda y: y, [x], tf.float32)


def maps_memory(tf: Any, x: Any) -> Any:
    return x + tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[1], memory_region_name="/etc/passwd")


def reads_records(tf: Any, x: Any) -> Any:
    return tf.cast(tf.data.TFRecordDataset("/etc/passwd").cardinality(), tf.float32) + x


def reads_checkpoints(tf: Any, x: Any) -> Any:
    return (
        x
        + tf.raw_ops.RestoreV2(prefix="/a", tensor_names=["b"], shape_and_slices=[""], dtypes=[tf.float32])[0]
    )


def prints_to_a_file(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([tf.print(x, output_stream="file:///tmp/x")]):
        return x + 1


def hides_in_a_branch(tf: Any, x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.io.read_file("/etc/passwd"), lambda: tf.constant("a"))


def aborts(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.Abort(error_msg="", exit_without_error=True)]):
        return x + 1


HOSTILE: Final[Mapping[Hostile, str]] = {
    reads: "ReadFile",
    writes: "WriteFile",
    lists: "MatchingFiles",
    runs_python: "EagerPyFunc",
    maps_memory: "ImmutableConst",
    reads_records: r"\w*Dataset",
    reads_checkpoints: "RestoreV2",
    prints_to_a_file: "PrintV2",
    hides_in_a_branch: "ReadFile",
    aborts: "Abort",
}
