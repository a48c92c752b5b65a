import pytest
from django.contrib.auth.models import User
from django.db import ProgrammingError, connection


@pytest.mark.django_db
def test_the_application_works_as_the_runtime_role():
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone() == ("rtts",)

    User.objects.create_user("ana")

    assert User.objects.count() == 1


@pytest.mark.django_db
def test_the_runtime_role_cannot_change_tables():
    with pytest.raises(ProgrammingError, match="must be owner"), connection.cursor() as cursor:
        cursor.execute("alter table auth_user drop column email")


def test_redis_starts_empty(redis):
    assert redis.dbsize() == 0
