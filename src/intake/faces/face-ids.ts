/** A face's ids: the same value as ours in another form. */
export { idOfRequest, idOfShort, idOfUuid, messageIdIn, requestOf, shortOf, uuidOf } from '../../base/id-forms.ts';
