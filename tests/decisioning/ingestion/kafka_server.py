"""A Kafka for tests: librdkafka's mock cluster with the topic of the event log, in a process of its own.

Writes its address when it is ready and ends when its input ends. The Python package shows only a mock whose
topics have four partitions, so the library underneath is asked.
"""

import ctypes
import glob
import sys
from pathlib import Path

import confluent_kafka

BROKERS = 3
PRODUCER = 0


def main(topic, partitions):
    libraries = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    kafka = ctypes.CDLL(glob.glob(str(libraries / "librdkafka-*.so*"))[0])
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(kafka, name).restype = ctypes.c_void_p
    kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    error = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(kafka.rd_kafka_conf_new())
    owner = ctypes.c_void_p(kafka.rd_kafka_new(PRODUCER, conf, error, len(error)))
    cluster = ctypes.c_void_p(kafka.rd_kafka_mock_cluster_new(owner, BROKERS))
    failed = kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, BROKERS)
    assert not failed
    sys.stdout.write(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode() + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
