"""A small application as anybody might write it, FastAPI and SQLAlchemy; it knows nothing of the lab.

It counts its own requests, and GET /served tells. ``SHOP_DSN`` names its database.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine(os.environ["SHOP_DSN"], pool_size=5, connect_args={"application_name": "shop"})
sessions = sessionmaker(engine)
app = FastAPI()
served: Counter[str] = Counter()


def session() -> Iterator[Session]:
    with sessions() as one:
        yield one


@app.middleware("http")
async def count(request: Request, call_next):
    if request.url.path != "/served":
        served[f"{request.method} {request.url.path}"] += 1
    return await call_next(request)


@app.get("/served")
def tell() -> dict[str, int]:
    return served


@app.get("/items/{number}")
def item(number: int, db: Session = Depends(session)) -> dict[str, object]:
    row = db.execute(text("SELECT id, name FROM shop_items WHERE id = :id"), {"id": number}).one_or_none()
    if row is None:
        raise HTTPException(404, "no such item")
    return {"id": row.id, "name": row.name}


@app.post("/items")
def add(db: Session = Depends(session)) -> dict[str, int]:
    number = db.execute(text("INSERT INTO shop_items (name) VALUES ('new') RETURNING id")).scalar_one()
    db.commit()
    return {"id": number}


@app.get("/nap")
def nap(ms: int = 50) -> dict[str, int]:
    time.sleep(ms / 1000)
    return {"slept_ms": ms}


@app.get("/old")
def old() -> RedirectResponse:
    return RedirectResponse("/items/1")


@app.get("/away")
def away() -> RedirectResponse:
    return RedirectResponse("http://example.com/elsewhere")


@app.get("/error")
def error() -> Response:
    return Response("broken", status_code=500)
