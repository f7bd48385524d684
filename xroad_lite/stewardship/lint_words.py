"""Words by which field names and titles give away dates and personal data; decides nothing.

Names are taken apart at capitals, digits and underscores; English, Spanish, Portuguese and French.
"""

from __future__ import annotations

import re
import unicodedata

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_DATES = "date dates datetime timestamp dob fecha fechas fechahora dateheure datum"
_WHO = (
    "surname surnames forename forenames lastname firstname fullname givenname familyname given "
    "maiden apellido apellidos nombres sobrenome prenom patient citizen taxpayer beneficiary"
)
_NUMBERS = "ssn nin dni nie rut cpf curp cedula passport pasaporte passaporte iban"
_ABOUT = (
    "birth birthdate birthday dob born nacimiento nascimento naissance death deceased defuncion "
    "fallecido gender sex sexo genero sexe nationality nacionalidad ethnicity religion disability "
    "marital diagnosis diagnostico salary salario income ingresos"
)
_WHERE = (
    "email mail correo phone telephone mobile telefono celular address addresses domicilio "
    "direccion endereco adresse street calle household"
)
DATES = frozenset(_DATES.split())
PERSONAL = frozenset(f"{_WHO} {_NUMBERS} {_ABOUT} {_WHERE}".split())


def words(name: str) -> set[str]:
    """The words of a field's name or title, in small letters without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return {part.lower() for part in _PART.findall(plain)}
