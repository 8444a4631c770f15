/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An SPF check whose every DNS answer is a piece of the input: the texts between newlines, used round and
 * round. Whatever they say, the check ends, and within its limits.
 */
#include "mailauth/spf.h"
#include "net/dns-answer.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define MAX_QUESTIONS                                                                              \
  140 /* the record, ten terms with ten hosts each, a PTR with ten, an explanation */

typedef struct
{
  PbDnsFunc func;
  gpointer user_data;
  PbDnsType type;
} Asked;

typedef struct
{
  char **texts;
  guint next, n_asked;
  GQueue waiting;
} Answers;

static void
ask (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
     gpointer user_data)
{
  Answers *self = source;
  Asked *asked = g_new (Asked, 1);

  g_assert (++self->n_asked <= MAX_QUESTIONS);
  *asked = (Asked){ func, user_data, type };
  g_queue_push_tail (&self->waiting, asked);
}

static PbDnsAnswer *
make_answer (Answers *self, PbDnsType type)
{
  const char *text = self->texts[self->next];
  PbDnsAnswer *answer;

  if (self->texts[++self->next] == NULL)
    self->next = 0;
  if (text[0] == '!' || text[0] == '\0')
    return pb_dns_answer_new (text[0] == '!' ? PB_DNS_TROUBLE : PB_DNS_NXDOMAIN, NULL);
  answer = pb_dns_answer_new (PB_DNS_OK, NULL);
  answer->names = g_strsplit (text, "|", 12);
  answer->n_mx = type == PB_DNS_MX ? g_strv_length (answer->names) : 0;
  answer->mx = g_new0 (PbMx, answer->n_mx);
  for (guint i = 0; i < answer->n_mx; i++)
    answer->mx[i].exchange = g_strdup (answer->names[i]);
  answer->n_addresses = 1;
  answer->addresses = g_new0 (PbIp, 1);
  if (!pb_ip_parse (text, answer->addresses))
    answer->addresses->bytes[15] = (guint8) text[0];
  return answer;
}

static void
on_outcome (const PbSpfOutcome *outcome, gpointer user_data)
{
  g_autofree char *field = pb_spf_format_received (outcome, user_data);

  g_assert (strstr (field, "\n\n") == NULL && strlen (field) < 4096);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *input = g_strndup ((const char *) data, size);
  Answers answers = { .texts = g_strsplit (input, "\n", 64), .waiting = G_QUEUE_INIT };
  PbDnsSource dns = { ask, &answers };
  PbSpfQuery query = { .helo = "h.test", .receiver = "r.test", .seconds = 20 };
  Asked *asked;

  if (answers.texts[0] == NULL)
    {
      g_strfreev (answers.texts);
      return 0;
    }
  query.sender = answers.texts[0];
  pb_ip_parse (size % 2 == 0 ? "192.0.2.1" : "2001:db8::1", &query.ip);
  pb_spf_check (&query, &dns, on_outcome, &query);
  while ((asked = g_queue_pop_head (&answers.waiting)) != NULL)
    {
      g_autoptr (PbDnsAnswer) answer = make_answer (&answers, asked->type);

      asked->func (answer, asked->user_data);
      g_free (asked);
    }
  g_strfreev (answers.texts);
  return 0;
}
