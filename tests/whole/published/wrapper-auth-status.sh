curl http://localhost:8000/v1/auth/status | python -m json.tool
