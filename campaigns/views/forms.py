"""The one fragment that authoring forms ask for: another row of a list of rows."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.forms import FORMS, author_of
from campaigns.forms.rows import RowsWidget
from campaigns.views.pages import needs, user_of


@require_GET
@needs("view_change")
def new_row(request: HttpRequest, kind: str, field: str) -> HttpResponse:
    current = current_change(user_of(request))
    if kind not in FORMS:
        raise Http404(_("There is no such form."))
    form = author_of(FORMS[kind], current, candidate_of(current))()
    widget = form.fields[field].widget if field in form.fields else None
    count = request.GET.get(f"{field}-TOTAL_FORMS", "")
    if not isinstance(widget, RowsWidget) or not (count.isascii() and count.isdigit()):
        raise Http404(_("There are no such rows."))
    index = int(count[:6])
    formset = widget.formset(prefix=field, form_kwargs=widget.form_kwargs)
    if index >= formset.max_num:
        return HttpResponse(
            _("At most {max_num} rows.").format(max_num=formset.max_num), status=422
        )
    row = formset.empty_form
    row.prefix = formset.add_prefix(index)
    context = {"row": row, "prefix": field, "total": index + 1, "noun": widget.noun}
    return render(request, "campaigns/forms/new_row.html", context)
