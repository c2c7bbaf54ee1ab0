"""Works as an agent with `jacs`, in the working directory, with the configuration `jacs.config.json`.

The password is the one of the environment. Standard input, everything optional:
{"create": algorithm,         makes the agent first
 "verify": [text, ...],       documents to verify as the loaded agent
 "sign": [text, ...],         documents to sign
 "store": [text, ...],        documents to sign and store where `jacs` does
 "attach": [[text, path]...], documents to sign with a file embedded
 "update": [[text, text]...], signed documents, and what replaces them
 "rotate": true,               replaces the key, when all else is done
 "newPassword": text}         encrypts the private key anew
Standard output: {"verified": [true or a reason], "signed": [text], "attached": [text], "updated": [text]}.
"""

import json
import os
import sys

import jacs

CONFIG = "./jacs.config.json"


def create(algorithm):
    jacs.SimpleAgent.create_agent(
        "there",
        os.environ["JACS_PRIVATE_KEY_PASSWORD"],
        algorithm=algorithm,
        data_directory="./jacs_data",
        key_directory="./jacs_keys",
        config_path=CONFIG,
    )


def verify(agent, text):
    try:
        return agent.verify_document(text)
    except Exception as error:  # a refusal is an exception, of several classes
        return str(error)


def update(agent, before, after):
    document = json.loads(before)
    key = document["jacsId"] + ":" + document["jacsVersion"]
    os.makedirs("documents", exist_ok=True)
    with open(os.path.join("documents", key + ".json"), "w", encoding="utf-8") as file:
        file.write(before)
    return agent.update_document(key, after, None, None)


def main():
    request = json.load(sys.stdin)
    if "create" in request:
        create(request["create"])
    agent = jacs.JacsAgent()
    agent.load(CONFIG)
    answer = {
        "verified": [verify(agent, text) for text in request.get("verify", [])],
        "signed": [agent.create_document(text, None, None, True, None, None) for text in request.get("sign", [])],
        "attached": [agent.create_document(text, None, None, True, path, True) for text, path in request.get("attach", [])],
        "updated": [update(agent, before, after) for before, after in request.get("update", [])],
    }
    for text in request.get("store", []):
        agent.create_document(text, None, None, False, None, None)
    if "rotate" in request:
        jacs.SimpleAgent.load(CONFIG).rotate_keys()
    if "newPassword" in request:
        agent.reencrypt_key(os.environ["JACS_PRIVATE_KEY_PASSWORD"], request["newPassword"])
    json.dump(answer, sys.stdout)


main()
