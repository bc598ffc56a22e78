/* SPDX-License-Identifier: Apache-2.0 */
#include "health/certificate.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <time.h>

static int64_t time_of(const ASN1_TIME *at)
{
	struct tm tm = { 0 };

	return at && ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t certificate_ends(const X509 *certificate)
{
	return time_of(X509_get0_notAfter(certificate));
}

/* The first of the chain to end, the root that is trusted included. */
static void find_end(X509_STORE_CTX *context, struct certificate *ret)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);

	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t ends = certificate_ends(sk_X509_value(chain, i));

		if (ends != 0 && (ret->ends == 0 || ends < ret->ends)) {
			ret->ends = ends;
			ret->depth = i;
		}
	}
}

int certificate_verify(X509_STORE_CTX *context, struct certificate *ret)
{
	int r = X509_verify_cert(context);
	const X509 *culprit;

	*ret = (struct certificate){ 0 };
	if (r == 1) {
		find_end(context, ret);
		return r;
	}
	culprit = X509_STORE_CTX_get_current_cert(context);
	ret->error = X509_STORE_CTX_get_error(context);
	ret->depth = X509_STORE_CTX_get_error_depth(context);
	if (culprit)
		ret->ends = time_of(ret->error == X509_V_ERR_CERT_NOT_YET_VALID
					    ? X509_get0_notBefore(culprit)
					    : X509_get0_notAfter(culprit));
	return r;
}

void certificate_time_text(int64_t at, char ret[32])
{
	time_t t = (time_t)at;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	strftime(ret, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

void certificate_text(const struct certificate *certificate, char ret[CERTIFICATE_TEXT_MAX])
{
	char when[32], whose[48] = "the certificate";

	certificate_time_text(certificate->ends, when);
	if (certificate->depth > 0)
		snprintf(whose, sizeof(whose), "certificate %d of the chain",
			 certificate->depth + 1);
	if (certificate->error == X509_V_ERR_CERT_HAS_EXPIRED)
		snprintf(ret, CERTIFICATE_TEXT_MAX, "%s has expired: it ended %s", whose, when);
	else if (certificate->error == X509_V_ERR_CERT_NOT_YET_VALID)
		snprintf(ret, CERTIFICATE_TEXT_MAX, "%s is not valid before %s", whose, when);
	else
		snprintf(ret, CERTIFICATE_TEXT_MAX, "%s: %s", whose,
			 X509_verify_cert_error_string(certificate->error));
}

uint64_t certificate_warning(const struct certificate *certificate, usec_t warning)
{
	int64_t left = certificate->ends - (int64_t)time(NULL);

	if (warning == 0 || certificate->error != X509_V_OK || certificate->ends == 0)
		return 0;
	return left < (int64_t)(warning / USEC_PER_SEC) ? (uint64_t)certificate->ends : 0;
}
