"""Times `jacs` for Python: JSON texts on standard input, microseconds a document on standard output.

Makes an agent of its own in the working directory. Every signature of jacs derives the key's password anew.
"""

import importlib.metadata
import json
import os
import sys
import time

from jacs.client import JacsClient

PASSWORD = "Bench-P@ss-123!"


def sample(work, values):
    start = time.perf_counter()
    results = [work(value) for value in values]
    return (time.perf_counter() - start) / len(values) * 1e6, results


def main():
    request = json.load(sys.stdin)
    texts, rounds = request["texts"], request["rounds"]
    os.environ["JACS_PRIVATE_KEY_PASSWORD"] = PASSWORD
    client = JacsClient.quickstart(name="bench", domain="bench.example.com", algorithm="ring-Ed25519")
    agent = client._agent

    def create(text):
        return agent.create_document(
            document_string=text,
            custom_schema=None,
            outputfilename=None,
            no_save=True,
            attachments=None,
            embed=None,
        )

    create_us, verify_us = [], []
    for _ in range(rounds):
        us, signed = sample(create, texts)
        create_us.append(us)
        us, valid = sample(agent.verify_document, signed)
        verify_us.append(us)
        assert all(valid)
    version = importlib.metadata.version("jacs")
    json.dump({"version": version, "create": create_us, "verify": verify_us}, sys.stdout)


main()
