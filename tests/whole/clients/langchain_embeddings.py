"""LangChain's embeddings, as a search in documents uses them. Prints one JSON line."""

import json
import sys

from langchain_openai import OpenAIEmbeddings

embeddings = OpenAIEmbeddings(
    model="text-embedding-3-small",
    base_url=sys.argv[1],
    api_key="anything",
    # Otherwise it sends token ids, for which it downloads a tokenizer first.
    check_embedding_ctx_length=False,
    max_retries=0,
)
documents = [
    "The museum opens at nine and is closed on Mondays.",
    "Plants on a balcony need water every evening in summer.",
    "The night bus leaves every thirty minutes.",
]
vectors = embeddings.embed_documents(documents)
question = embeddings.embed_query("Wie oft muss ich die Blumen gießen?")
closeness = [sum(x * y for x, y in zip(question, vector, strict=True)) for vector in vectors]
print(json.dumps({"closest": documents[closeness.index(max(closeness))], "dimensions": len(question)}))
