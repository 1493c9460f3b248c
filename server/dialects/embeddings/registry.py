"""The forms of requests for embeddings."""

from server.dialects.embeddings.base import EmbeddingForm
from server.dialects.embeddings.ollama import OllamaEmbed, OllamaEmbeddings
from server.dialects.embeddings.openai import OpenAIEmbeddings

FORMS: tuple[EmbeddingForm, ...] = (OpenAIEmbeddings(), OllamaEmbed(), OllamaEmbeddings())
