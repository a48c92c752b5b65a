"""The addresses of the demo shop."""

from django.urls import path

from campaigns.views import shop

urlpatterns = [
    path("", shop.front, name="rtts-shop"),
    path("visitor", shop.visitor, name="rtts-shop-visitor"),
    path("basket/", shop.basket, name="rtts-shop-basket"),
    path("checkout/", shop.checkout, name="rtts-shop-checkout"),
    path("products/<slug:number>/", shop.product, name="rtts-shop-product"),
    path("<slug:slug>/", shop.department, name="rtts-shop-department"),
]
