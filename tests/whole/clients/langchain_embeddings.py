"""LangChain's embeddings in a vector store, as a search in documents uses them. Prints one JSON line."""

import json
import sys

from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import OpenAIEmbeddings

embeddings = OpenAIEmbeddings(
    model="text-embedding-3-small",
    base_url=sys.argv[1],
    api_key="anything",
    # Otherwise it sends token ids, for which it downloads a tokenizer first.
    check_embedding_ctx_length=False,
    max_retries=0,
)
store = InMemoryVectorStore.from_texts(
    [
        "The museum opens at nine and is closed on Mondays.",
        "Plants on a balcony need water every evening in summer.",
        "The night bus leaves every thirty minutes.",
    ],
    embeddings,
)
(closest,) = store.similarity_search("Wie oft muss ich die Blumen gießen?", k=1)
print(json.dumps({"closest": closest.page_content, "dimensions": len(embeddings.embed_query("hi"))}))
