"""What a causal model must have read before each piece of some words: the words' proper prefixes,
each once.

The words of a task begin alike or differently; the pieces that are read on the way to their last
ones are a forest below the end of the prompt. All of it is computed in one row, nothing twice, as
speculative decoding verifies many continuations (SpecInfer, Miao et al. 2024).
"""

from dataclasses import dataclass

from pet_mtl.cloze.label_words import Words


@dataclass(frozen=True)
class WordTree:
    """The proper prefixes of words. Place 0 is the end of the prompt, place n + 1 is node n.

    Attributes:
        pieces: `n` piece of each node; parents come before their children.
        parents: `n` place of the node before each.
        depths: `n` how many pieces a node's prefix has, from 1.
        reads: for each word the places at which its pieces are read, the prompt's end first.
    """

    pieces: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    reads: tuple[tuple[int, ...], ...]

    @property
    def depth(self) -> int:
        """The most positions that a word takes behind the prompt before its last piece."""
        return max(self.depths, default=0)

    def path(self, node: int) -> list[int]:
        """Return the nodes on the way to one, itself included."""
        path = [node]
        while self.parents[path[0]]:
            path.insert(0, self.parents[path[0]] - 1)
        return path

    @property
    def leaves(self) -> list[int]:
        """Return the nodes without children."""
        inner = set(self.parents)
        return [node for node in range(len(self.pieces)) if node + 1 not in inner]


def word_tree(words: Words) -> WordTree:
    """Return the tree of some words' proper prefixes.

    >>> tree = word_tree(Words(((1, 2), (1, 3, 4), (5,), (2, 2))))
    >>> tree.pieces, tree.parents, tree.depths
    ((1, 3, 2), (0, 1, 0), (1, 2, 1))
    >>> tree.reads
    ((0, 1), (0, 1, 2), (0,), (0, 3))
    """
    places: dict[tuple[int, ...], int] = {(): 0}
    reads = []
    for word in words.pieces:
        prefixes = [word[:length] for length in range(len(word))]
        reads.append(tuple(places.setdefault(prefix, len(places)) for prefix in prefixes))
    nodes = list(places)[1:]
    return WordTree(
        tuple(prefix[-1] for prefix in nodes),
        tuple(places[prefix[:-1]] for prefix in nodes),
        tuple(map(len, nodes)),
        tuple(reads),
    )
