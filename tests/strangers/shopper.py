"""A locustfile as anybody might write it; it knows nothing of the lab."""

import random

from catalogue import NUMBERS, ODD
from locust import FastHttpUser, HttpUser, between, task


class Shopper(HttpUser):
    host = "http://shop.example"  # what --host is there to override
    wait_time = between(0.01, 0.03)

    def on_start(self):
        self.client.get("/items/1", name="first look")

    @task(6)
    def item(self):
        self.client.get(f"/items/{random.choice(NUMBERS)}", name="/items/[id]")

    @task
    def add(self):
        self.client.post("/items")

    @task(2)
    def nap(self):
        self.client.get("/nap?ms=50", name="nap")

    @task
    def missing(self):
        with self.client.get("/items/999999", catch_response=True, name="missing") as answer:
            if answer.status_code == 404:
                answer.success()

    @task
    def broken(self):
        self.client.get("/error")

    @task
    def clumsy(self):
        self.client.get("/items/5", name="clumsy")
        raise ValueError("a slip in a task")


class Quick(FastHttpUser):
    wait_time = between(0.01, 0.03)

    @task(4)
    def item(self):
        self.client.get(f"/items/{random.choice(NUMBERS)}", name="/items/[id]")

    @task
    def odd(self):
        self.client.get("/items/6", name=ODD)

    @task
    def old(self):
        self.client.get("/old")

    @task
    def dislike(self):
        with self.client.get("/items/7", catch_response=True, name="disliked") as answer:
            answer.failure("not to my taste")

    @task
    def leave(self):
        with self.client.get("/items/8", catch_response=True, name="left"):
            raise KeyError("inside the with block")
