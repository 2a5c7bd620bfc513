#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""json_check.py SCHEMA < LINES: is each line valid JSON that fits the schema?
json_check.py --tap FOLDER: the same of each file NUMBER.SCHEMA there, and jq takes
it: a TAP test each

SCHEMA is a .json file or the name of one in tests/schema ("drop.summary"). Besides
the schema: UTF-8, no key twice in an object, no NaN, "complete" in step with
"losses". The first error goes to stderr; exit 1. No line at all is an error.
"""
import json
import os
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")		# of newer jsonschema, about RefResolver
import jsonschema			# noqa: E402

BASE = "file:///schema/"		# of the documents' names; no such folder is read
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "schema")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def make_validator(name):
    path = name if name.endswith(".json") else os.path.join(FOLDER, name + ".json")
    schema = load(path)
    # Everything a $ref may name is given here: nothing is ever fetched.
    store = {}
    for entry in os.listdir(FOLDER):
        if entry.endswith(".json"):
            document = load(os.path.join(FOLDER, entry))
            jsonschema.Draft202012Validator.check_schema(document)
            store[BASE + entry] = document
    resolver = jsonschema.RefResolver(BASE + os.path.basename(path), schema, store)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def unique(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"member '{twice}' twice in one object")
    return result


def refuse(text):
    raise ValueError(f"'{text}' is not JSON")


def find_error(validator, line):
    """What is wrong with the line, or None."""
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=unique,
                           parse_constant=refuse)
    except ValueError as error:
        return str(error)
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error:
        where = "/".join(str(part) for part in error.absolute_path) or "the object"
        return f"{where}: {error.message}"
    if "losses" in value and value["complete"] == any(value["losses"].values()):
        return "complete: does not agree with losses"
    return None


def check_lines(validator, file):
    """What is wrong with the file, or None."""
    number = 0
    for number, line in enumerate(file, 1):
        error = find_error(validator, line)
        if not error and not line.endswith(b"\n"):
            error = "the line has no end"
        if error:
            return f"line {number}: {error}"
    return None if number else "no line to check"


def check_folder(folder):
    """Prints the TAP; the number of failures. Tests left the files there."""
    names = sorted(os.listdir(folder), key=lambda name: int(name.split(".")[0]))
    print(f"1..{max(len(names), 1)}")
    if not names:
        print("not ok 1 no output was kept")
        return 1
    failed = 0
    validators = {}
    for number, name in enumerate(names, 1):
        test, schema = name.split(".", 1)
        if schema not in validators:
            validators[schema] = make_validator(schema)
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            error = check_lines(validators[schema], file)
        if not error and subprocess.run(["jq", "-e", ".schema", path],
                                        stdout=subprocess.DEVNULL, check=False).returncode:
            error = "jq does not take it"
        failed += bool(error)
        print(f"{'not ' if error else ''}ok {number} JSON of test {test} fits {schema}")
        if error:
            print(f"# {error}")
    return failed


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--tap":
        return int(check_folder(sys.argv[2]) > 0)
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    error = check_lines(make_validator(sys.argv[1]), sys.stdin.buffer)
    if error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
