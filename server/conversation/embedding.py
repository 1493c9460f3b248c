"""A request for embeddings, and its result: vectors whose closeness says how alike the meanings of the texts are."""

from dataclasses import dataclass

LOCAL_MODEL = "use-multilingual-v3"
"""The name of the local model, Google's Universal Sentence Encoder in its multilingual version 3."""
LOCAL_DIMENSIONS = 512
LOCAL_TOKENS = 8_192
"""The longest text, in tokens. As many as OpenAI's models take; a vector says little about a text of this length."""
OPENAI_NAMES = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")


@dataclass(frozen=True, slots=True)
class EmbeddingCard:
    """A model for embeddings: its name for clients, the name to show, and its limits. None: not known."""

    id: str
    name: str
    owner: str
    family: str = ""
    context_length: int | None = None
    dimensions: int | None = None


def local_card(name: str = LOCAL_MODEL) -> EmbeddingCard:
    """The card of the local model, which clients also call by OpenAI's names."""
    shown = "Universal Sentence Encoder, multilingual (embeddings)"
    return EmbeddingCard(name, shown, "google", "universal-sentence-encoder", LOCAL_TOKENS, LOCAL_DIMENSIONS)


def endpoint_card(name: str) -> EmbeddingCard:
    """The card of another endpoint's model."""
    return EmbeddingCard(name, f"{name} (embeddings)", "embeddings_url", "embeddings")


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to embed. `model` is the client's name for the model, `dimensions` None for all of the model's.

    `places` names each text for errors, as in `input[3]`. `cuts`: a text that is too long is cut instead of refused.
    `ignored` names what has no effect.
    """

    texts: tuple[str, ...]
    places: tuple[str, ...]
    model: str
    dimensions: int | None = None
    cuts: bool = True
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors, in the order of the texts, each as float32 numbers in little-endian order, of length 1.

    `model` is the one that made them, `tokens` what the texts have in its tokenizer. `notes` names texts that were
    cut or hardly understood. `total_s` is how long the request took, `load_s` of it to load the model.
    """

    vectors: tuple[bytes, ...]
    model: str
    tokens: int
    notes: tuple[str, ...] = ()
    load_s: float = 0.0
    total_s: float = 0.0
