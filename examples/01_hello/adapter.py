"""Two agencies on one machine: Health publishes a birth, the Civil Registry reads its own words."""

from xroad_lite import Message
from xroad_lite.testing import BIRTH, two_agencies

with two_agencies() as world:

    @world.civil.subscribe("health.birth", reads="citizens.person")
    def register(message: Message) -> None:
        """Runs once per birth, whatever is killed or sent twice."""
        person = message.body
        print(person["identificadorNacimiento"], person["fechaNacimiento"], person["nombres"])

    world.health.publish("health.birth", BIRTH, subject="case-1")
    world.settle()
