"""readme.py - README's commands, as a reader would paste them.

    readme.py SECTION     prints the shell blocks under this heading, a comment
                          with the number between them
    readme.blocks("The calls")
"""

import pathlib
import re
import sys

README = pathlib.Path(__file__).resolve().parent.parent.parent / "README.md"


def blocks(section):
    """The texts of all ```sh blocks of a section, in their order."""
    parts = re.split(r"^## (.*)\n", README.read_text(), flags=re.M)
    text = dict(zip(parts[1::2], parts[2::2]))[section]
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.M | re.S)


if __name__ == "__main__":
    for number, block in enumerate(blocks(sys.argv[1]), 1):
        print(f"# {number}\n{block}")
