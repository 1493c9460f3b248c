"""One Claude Code process as a worker.

The path of an event from the CLI's stdout to the socket. Each frame is read once, and two generators are nested, with a
third one between them and the pump if the request wants several answers:

    CliProcess._read_stdout   worker/process.py             a line of JSON -> a frame
    Session._read             worker/session.py             buffers the frame's events, advances the state, wakes `ask`
      ResponseReader.feed     protocol/response.py          the frame -> events, and whether to kill the process
    Worker.ask          (1)   worker/worker.py              generator: the events of one answer by one worker
    Answering.stream    (2)   answering/service.py          generator: retries and fallback; a late failure is `Failed`
      Attempt.observe         answering/attempt.py          the event with way and timings; parks the worker at the end
    EventPump                 web/streaming/event_pump.py   a bounded queue between answering and writing
      Encoder.event           dialects/*/stream.py          the event -> the dialect's bytes
    StreamedAnswer            web/streaming/responses.py    bytes -> ASGI messages, which uvicorn writes to the socket

The state of a worker. The pool's `WorkerState` says whether a request may have the worker; `SessionState` says what the
process is doing. A request holds the worker from "lease" to "return":

    WorkerState   SessionState   entered when                                  left when
    BOOTING       (no session)   the process is spawned                        it lists the models -> RAW
    RAW           (no session)   booted                                        a lease -> ANSWERING
    ANSWERING     WRITING        profile, settings, reset or history are       the question is written -> ANSWERING;
                                 being written                                 request cancelled -> CLOSING
    ANSWERING     ANSWERING      the question is written; a `ResponseReader`   result -> REST; stop reason tool_use ->
                                 reads the frames                              CALLS; a kill reason -> ENDED
    PARKED        CALLS          the answer ended with calls; `OpenCalls`      results passed on -> ANSWERING; given up
                                 holds the CLI's MCP requests                  or interrupted -> REST
    PARKED        REST           the result was read                           a lease -> WRITING
    CLOSING       UNKNOWN        an `EngineError`: nothing more is sent to     the pool kills the process -> ENDED
                                 the process
    CLOSING       ENDED          the process was killed at a frame or ended    (final)

A request that is cancelled or times out in ANSWERING calls `settle`, which interrupts and reads up to the result
(-> REST); if that fails the pool closes the worker. `is_at_rest` is REST or CALLS. `AppliedSettings` is independent: it
knows which settings the process has acknowledged.
"""
