"""Verifies signed documents with `jacs` and nothing but the signer's raw public key.

Standard input: {"publicKey": base64, "documents": [text, ...]}. Standard output: one verdict each.
"""

import json
import sys

import jacs


def verdict(agent, text, key):
    try:
        result = agent.verify_with_key(text, key)
    except Exception as error:  # a refusal is an exception, of several classes
        return {"valid": False, "error": str(error)}
    return {"valid": result.get("valid") is True, "error": "; ".join(map(str, result.get("errors", [])))}


def main():
    request = json.load(sys.stdin)
    agent, _ = jacs.SimpleAgent.ephemeral()
    json.dump([verdict(agent, text, request["publicKey"]) for text in request["documents"]], sys.stdout)


main()
