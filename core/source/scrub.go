package source

import (
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// scrubbed is an error without the secrets that its text would show.
type scrubbed struct {
	error
	text string
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.error }

var (
	// urlSecrets are the parts of a URL that may let in who knows them: a
	// user's name with a password, and the query, in which storage services
	// sign what they redirect to.
	urlSecrets = regexp.MustCompile(`(https?://)(?:[^\s"'/@]*@)?([^\s"'?]*)(?:\?[^\s"']*)?`)
	// tokenAnswer is what the registry library quotes of a token service's
	// answer in which it finds no token.
	tokenAnswer = regexp.MustCompile(`(?s)(no token in bearer response):.*`)
)

// minSecret is the length in bytes from which on a secret is looked for in a
// text: a shorter one would be found by chance.
const minSecret = 4

// scrub takes out of the text of err what may let somebody in: the client's
// credentials, should a registry repeat them, and parts of URLs.
func (c *client) scrub(err error) error {
	text := tokenAnswer.ReplaceAllString(err.Error(), "$1")
	text = urlSecrets.ReplaceAllString(text, "$1$2")
	for _, secret := range c.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return &scrubbed{err, text}
}

// secretsOf returns the texts that credentials are written as.
func secretsOf(a *authn.AuthConfig) []string {
	all := []string{
		base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + a.Password)),
		a.Auth, a.Password, a.IdentityToken, a.RegistryToken,
	}
	var secrets []string
	for _, s := range all {
		if len(s) >= minSecret {
			secrets = append(secrets, s)
		}
	}
	return secrets
}
