"""GET /metrics, which Prometheus scrapes."""

from fastapi import APIRouter, Request, Response

from server.errors import NotFound
from server.metrics.metrics import Metrics
from server.web.access.policy import access_of
from server.web.running import RunningRequests


def metrics_router(metrics: Metrics | None, running: RunningRequests) -> APIRouter:
    """The route over `metrics`; it exists on the local listener only, and while they are on."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def scrape(request: Request) -> Response:
        is_local = access_of(request).policy.name == "local"
        accept = request.headers.get("accept", "")
        page = metrics.text(accept, running=len(running.of(None))) if metrics is not None and is_local else None
        if page is None:
            raise NotFound(
                "There is nothing at /metrics.",
                hint="Metrics are off; set metrics = true in the settings." if is_local else "",
            )
        text, content_type = page
        return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})

    return router
